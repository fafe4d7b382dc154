// Data sets other than MNIST, and gradzone data fetch.
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "cli/cli_test.hpp"
#include "support/http_server.hpp"

namespace gradzone::test {
namespace {

const fs::path golden = fs::path(GRADZONE_GOLDEN_DIR) / "data";

class CliDataSets : public CliTest {
 protected:
  CliDataSets() {
    ::setenv("no_proxy", "*", 1);
    const Bytes jpeg = read(golden / "rgb.jpg");
    for (const char* name : {"train/a/1.jpg", "train/b/1.JPEG", "val/a/1.jpg", "val/b/2.jpg"})
      write(photos() / name, jpeg);
  }
  fs::path photos() const { return path("photos"); }
  Options options(const std::string& data) const {
    return {{"--model", "vgg9:init=torch"}, {"--data", data}, {"--verdict", ""}};
  }
  Options of_photos() const { return options("folder:" + photos().string() + ",size=32"); }
};

TEST_F(CliDataSets, AFolderOfPhotographsCanBeAudited) {
  const Outcome outcome = audit(of_photos());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(fs::exists(out() / "points.csv"));
}

TEST_F(CliDataSets, ACorruptPhotographIsRefusedOrLeftOut) {
  const Bytes jpeg = read(golden / "rgb.jpg");
  write(photos() / "val/a/0.jpg", jpeg.substr(0, 300));
  write(photos() / "val/b/9.jpg", "text");
  expect_refused(of_photos(), ExitCode::bad_input, {"val/a/0.jpg: bad JPEG", "1 more bad image"});
  Options skip = of_photos();
  skip["--on-bad-image"] = "skip";
  skip["--quiet"] = absent;
  const Outcome outcome = audit(skip);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* part :
       {"2 bad images left out, 2 are used", "val/a/0.jpg: bad JPEG", "val/b/9.jpg: neither"})
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  skip["--on-bad-image"] = "ignore";
  expect_refused(skip, ExitCode::usage, {"--on-bad-image", "ignore"});
}

TEST_F(CliDataSets, TruncatedOrForeignFilesAreNamed) {
  write(path("test_batch.bin"), Bytes(3073 * 2 - 1, '\x01'));
  expect_refused(options("cifar10:" + path("test_batch.bin").string()), ExitCode::bad_input,
                 {"test_batch.bin", "cut short"});
  expect_refused(options("cifar100:" + path("test_batch.bin").string()), ExitCode::bad_input,
                 {"test_batch.bin", "3074"});
  for (const char* name : {"svhn-no-labels.mat", "svhn-double-images.mat", "svhn-label-11.mat", "rgb.jpg"})
    expect_refused(options("svhn:" + (golden / name).string()), ExitCode::bad_input, {name});
  expect_refused(options("npy:" + path("none").string()), ExitCode::bad_input, {"test_images.npy"});
  expect_refused(options("folder:" + path("none").string()), ExitCode::bad_input, {"no such folder"});
  expect_refused(options("folder:" + photos().string() + ",size=28"), ExitCode::bad_input, {"28", "32"});
}

TEST_F(CliDataSets, HelpNamesEveryKind) {
  const std::string help = run({"audit", "--help"}).out;
  for (const char* kind :
       {"mnist:", "cifar10:", "cifar100:", "svhn:", "folder:", "npy:", "glyphs[", "glyphs32["})
    EXPECT_NE(help.find(kind), std::string::npos) << kind;
}

TEST_F(CliDataSets, FetchRefusesWhatIsNotThePublishedFile) {
  support::HttpServer server;
  server.serve("cifar-100-binary.tar.gz", "something else");
  const auto fetch = [&](const std::string& from) {
    return run({"data", "fetch", "cifar100", "--to", path("cifar100").string(), "--from", from});
  };
  Outcome outcome = fetch(server.url());
  EXPECT_EQ(outcome.exit_code, 3);
  expect_one_line(outcome.err, {"cifar-100-binary.tar.gz", "not the published file"});
  EXPECT_TRUE(fs::is_empty(path("cifar100")));
  outcome = fetch("http://127.0.0.1:1");
  EXPECT_EQ(outcome.exit_code, 3);
  expect_one_line(outcome.err, {"http://127.0.0.1:1/cifar-100-binary.tar.gz"});
  outcome = run({"data", "fetch", "imagenet"});
  EXPECT_EQ(outcome.exit_code, 2);
  expect_one_line(outcome.err, {"imagenet", "svhn"});
}

TEST_F(CliDataSets, AnInterruptedOrKilledFetchContinues) {
  const fs::path part = path("cifar100") / "cifar-100-binary.tar.gz.part";
  for (const int signal : {SIGINT, SIGKILL}) {
    support::HttpServer server;
    server.serve("cifar-100-binary.tar.gz", Bytes(1000000, 'x'));
    server.break_after = 300000;
    server.stall = true;
    const std::uintmax_t before = fs::exists(part) ? fs::file_size(part) : 0;
    Process fetch({"data", "fetch", "cifar100", "--to", path("cifar100").string(), "--from", server.url()});
    for (int k = 0; k < 3000 && (!fs::exists(part) || fs::file_size(part) < before + 300000); ++k)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    fetch.send(signal);
    const Outcome outcome = fetch.wait();
    EXPECT_EQ(fs::file_size(part), before + 300000);
    EXPECT_EQ(server.requests().back(), fmt::format("cifar-100-binary.tar.gz {}", before));
    if (signal != SIGINT) continue;
    EXPECT_EQ(outcome.exit_code, 4);
    expect_one_line(outcome.err, {"cifar-100-binary.tar.gz", "the same command continues"});
  }
}

TEST_F(CliDataSets, TheRealMnistIsFetchedInPieces) {
  const fs::path real = fs::path(GRADZONE_SHARED_DIR) / "data" / "mnist";
  if (!fs::is_directory(real)) GTEST_SKIP() << real << " is not here";
  support::HttpServer server;
  for (const char* name : {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                           "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"})
    server.serve(name, read(real / name));
  const std::string folder = path("mnist").string();
  const std::vector<std::string> command{"data", "fetch", "mnist", "--to", folder, "--from", server.url()};
  write(path("mnist") / "train-images-idx3-ubyte.gz.part",
        read(real / "train-images-idx3-ubyte.gz").substr(0, 5000000));
  server.break_after = 4000000;
  const Outcome outcome = run(command);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("CC BY-SA"), std::string::npos) << outcome.out;
  EXPECT_EQ(server.requests()[0], "train-images-idx3-ubyte.gz 5000000");
  EXPECT_EQ(server.requests()[1], "train-images-idx3-ubyte.gz 9000000");
  EXPECT_EQ(run({"data", "verify", "mnist:" + folder}).exit_code, 0);
  EXPECT_EQ(contents_of(path("mnist")).size(), 4u);
}

}  // namespace
}  // namespace gradzone::test
