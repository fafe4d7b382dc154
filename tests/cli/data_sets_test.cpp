// Data sets other than MNIST, and gradzone data fetch.
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "cli/cli_test.hpp"
#include "gradzone/io/csv.hpp"
#include "support/http_server.hpp"
#include "support/npy_files.hpp"

namespace gradzone::test {
namespace {

using support::npy_of;
using support::zip_of;

const fs::path golden = fs::path(GRADZONE_GOLDEN_DIR) / "data";

/// The cells of a table's column.
std::vector<std::string> column(const fs::path& table, const std::string& name) {
  const Bytes text = read(table);
  CsvReader reader(text, table.string());
  const std::size_t at = reader.column(name);
  std::vector<std::string> out;
  while (reader.next_row()) out.push_back(reader.text(at));
  return out;
}

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
       {"mnist:", "cifar10:", "cifar100:", "svhn:", "folder:", "npy:", "npz:", "glyphs[", "glyphs32["})
    EXPECT_NE(help.find(kind), std::string::npos) << kind;
}

TEST_F(CliDataSets, AnNpzCanBeAudited) {
  const Outcome outcome = audit(options("npz:" + (golden / "stored.npz").string() + ",norm=cifar"));
  expect_one_line(outcome.err, {"stored.npz", "[3, 4, 5]", "[3, 32, 32]"});
  EXPECT_EQ(outcome.exit_code, 3);
  const Bytes images = npy_of("|u1", "(3, 3, 32, 32)", Bytes(3 * 3072, 'x'));
  write(path("x.npz"), zip_of({{"x.npy", images}, {"y.npy", npy_of("|u1", "(3,)", Bytes("\1\2\3", 3))}}));
  ASSERT_EQ(audit(options("npz:" + path("x.npz").string() + ",norm=cifar")).exit_code, 0);
  EXPECT_EQ(column(out() / "points.csv", "label"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(read(out() / "summary.json").find("pseudo"), Bytes::npos);
  expect_refused(options("npz:" + path("x.npz").string() + ",images=z"), ExitCode::bad_input,
                 {"x.npz", "no array z", "x, y"});
  expect_refused(options("npz:" + path("x.npz").string() + ",key=x"), ExitCode::usage,
                 {"no option key", "images, labels, classes, layout, norm, mean, std"});
  write(path("half.npz"), read(path("x.npz")).substr(0, 200));
  expect_refused(options("npz:" + path("half.npz").string()), ExitCode::bad_input, {"half.npz"});
}

/// Files with labels that are the pseudo-labels give the same tables, whatever the threads, and so does the
/// same command again.
TEST_F(CliDataSets, ImagesWithoutLabelsGetTheNetworksOwn) {
  Bytes pixels;
  for (int i = 0; i < 6 * 784; ++i) pixels += static_cast<char>(i * i % 251);
  const Bytes images = npy_of("|u1", "(6, 28, 28)", pixels);
  write(path("x.npy"), images);
  Options bare{{"--model", model("lenet5")},
               {"--data", "npy:" + path("x.npy").string()},
               {"--batch", "2"},
               {"--samples", "3"},
               {"--format", "fp32,bf16"},
               {"--per-sample", ""},
               {"--quiet", absent},
               {"--threads", "2"}};
  const Outcome outcome = audit(bare);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("x.npy has no labels; they are pseudo (argmax of the network in fp64/chain)"),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(read(out() / "summary.json").find("\"labels\": \"pseudo (argmax of"), Bytes::npos);
  EXPECT_NE(read(out() / "report.html").find("labelled by the network itself"), Bytes::npos);
  const Contents first = results_of(out());
  EXPECT_EQ(audit(bare).exit_code, 0);
  expect_same(results_of(out()), first);
  bare["--quiet"] = "";
  bare["--threads"] = "1";
  bare["--out"] = path("one").string();
  EXPECT_EQ(audit(bare).err, "");
  expect_same(results_of(path("one")), first);

  Bytes labels;
  const auto label = column(out() / "samples.csv", "label");
  for (std::size_t i = 0; i < 6; ++i) labels += static_cast<char>(std::stoi(label.at(i)));
  write(path("labelled.npz"), zip_of({{"x.npy", images}, {"y.npy", npy_of("|u1", "(6,)", labels)}}));
  bare["--data"] = "npz:" + path("labelled.npz").string();
  bare["--out"] = path("labelled").string();
  ASSERT_EQ(audit(bare).exit_code, 0);
  for (const char* table : {"points.csv", "samples.csv", "branches.csv", "gradients.csv"})
    EXPECT_EQ(read(path("labelled") / table), first.at(table)) << table;
}

TEST_F(CliDataSets, ImagesWithoutLabelsAreNotTrainedOn) {
  write(path("x.npy"), npy_of("|u1", "(4, 28, 28)", Bytes(4 * 784, 'x')));
  const std::string data = "npy:" + path("x.npy").string();
  for (const auto& [command, what] :
       {std::pair<std::vector<std::string>, std::string>{{"train", "--lr", "0.1"}, "training"},
        {{"volume", "--inits", "1"}, "a volume study"}}) {
    std::vector<std::string> arguments = command;
    for (const std::string& a : {std::string("--net"), std::string("lenet5"), std::string("--data"), data,
                                 std::string("--out"), out().string()})
      arguments.push_back(a);
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 3);
    expect_one_line(outcome.err, {"x.npy has no labels: " + what + " needs them"});
    EXPECT_FALSE(fs::exists(out()));
  }
  const Outcome ties = run({"ties", "--net", "lenet5", "--data", data, "--out", out().string()});
  EXPECT_EQ(ties.exit_code, 0) << ties.err;
  EXPECT_NE(ties.err.find("has no labels"), std::string::npos);
  EXPECT_NE(read(out() / "ties.json").find("pseudo (argmax"), Bytes::npos);
}

TEST_F(CliDataSets, AFolderWithoutClassesCanBeAudited) {
  const Bytes jpeg = read(golden / "rgb.jpg");
  write(path("flat") / "1.jpg", jpeg);
  write(path("flat") / "2.jpg", jpeg);
  const Outcome outcome = audit(
      options("folder:" + path("flat").string() + ",size=32,resize=36,mean=0.5/0.4/0.3,std=0.2/0.2/0.2"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto labels = column(out() / "points.csv", "label");
  ASSERT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels[0], labels[1]);
}

/// What Debian's NumPy writes, if it is there.
TEST_F(CliDataSets, FilesOfTheRealNumpyAreRead) {
  const auto python = [](const std::string& script) {
    return Process::other({"/usr/bin/python3", "-c", script}).wait();
  };
  if (python("import numpy").exit_code != 0) GTEST_SKIP() << "/usr/bin/python3 has no numpy";
  const Outcome made = python(
      "import numpy as np\n"
      "x = np.arange(4 * 28 * 28).reshape(4, 28, 28) % 255\n"
      "y = np.arange(4)\n"
      "b = x.astype(np.uint8)\n" +
      fmt::format("d = '{}/'\n", path("").string()) +
      "np.savez(d + 'a.npz', x_test=b, y_test=y)\n"
      "np.savez_compressed(d + 'b.npz', np.asfortranarray(b[:, None]), y.astype(np.uint8))\n"
      "np.savez(d + 'c.npz', images=b[..., None], labels=y[:, None])\n"
      "np.save(d + 'd.npy', ((x / 255 - 0.5) / 0.5))\n"
      "np.save(d + 'e.npy', x.astype('>f4'))\n");
  ASSERT_EQ(made.exit_code, 0) << made.err;
  for (const char* file : {"a.npz", "b.npz", "c.npz"}) {
    const std::string layout = file[0] == 'c' ? ",layout=nhwc" : "";
    const Outcome outcome = audit({{"--data", "npz:" + path(file).string() + layout},
                                   {"--out", path(file + std::string("-out")).string()}});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(read(path(file + std::string("-out")) / "points.csv"), read(path("a.npz-out") / "points.csv"))
        << file;
  }
  EXPECT_EQ(audit({{"--data", "npy:" + path("d.npy").string()}}).exit_code, 0);
  expect_refused({{"--data", "npy:" + path("e.npy").string()}}, ExitCode::bad_input, {"e.npy", "big-endian"});
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
