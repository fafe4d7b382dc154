// Studies over ranks of mpirun, and in shares: the bytes of one process, whoever computed what.
#include <signal.h>

#include <cstdlib>
#include <thread>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

using std::chrono::milliseconds;

/// A study's command without --out, quick enough to be made several times.
struct Study {
  const char* name;
  std::vector<std::string> command;
};

const std::vector<Study> studies{
    {"audit",
     {"audit", "--model", "lenet5:init=torch", "--data", "glyphs:40", "--format", "fp32,fp16", "--seed",
      "2"}},
    {"samples",
     {"audit", "--model", "lenet5-bn:init=torch", "--data", "glyphs:48", "--batch", "16", "--per-sample"}},
    {"volume",
     {"volume", "--net", "lenet5", "--data", "glyphs:150", "--inits", "8", "--batch", "32", "--format",
      "fp32,fp16"}},
    {"settled",
     {"volume", "--net", "mlp:1x8", "--data", "glyphs:64", "--inits", "60", "--batch", "32", "--ci-width",
      "0.4"}},
    {"threshold", {"threshold", "--net", "mlp:1x8", "--data", "glyphs:64", "--inits", "3", "--batch", "16"}},
    {"train",
     {"train", "--net", "mlp:1x16", "--data", "glyphs:200", "--format", "fp32,fp16", "--beta", "0,10",
      "--runs", "2", "--epochs", "2", "--lr", "0.05", "--audit-every", "2"}},
    {"jointly",
     {"train", "--net", "lenet5-bn", "--data", "glyphs:200", "--format", "fp16", "--beta", "10", "--epochs",
      "2", "--batch", "80", "--lr", "0.05", "--audit-every", "2", "--data-parallel"}},
    {"search",
     {"search-lr", "--net", "mlp:1x16", "--data", "glyphs:400", "--trials", "12", "--epochs", "4", "--range",
      "1e-7:1"}}};

std::vector<std::string> with_out(std::vector<std::string> command, const fs::path& out) {
  command.insert(command.end(), {"--out", out.string()});
  return command;
}

class CliShares : public CliTest, public testing::WithParamInterface<Study> {
 protected:
  /// What one process writes.
  Contents alone() const {
    const Outcome outcome = run(with_out(GetParam().command, path("alone")));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return results_of(path("alone"));
  }
};

class CliRanks : public CliShares {
 protected:
  void SetUp() override {
    if (!GRADZONE_TEST_MPI) GTEST_SKIP() << "a build without MPI: configure it with -D GRADZONE_MPI=ON";
    // Tests run as any user, on machines of any size, without a network, in containers that forbid one
    // process to read another's memory.
    for (const char* variable : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"})
      ::setenv(variable, "1", 1);
    ::setenv("OMPI_MCA_plm", "isolated", 1);
    ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 1);
    ::setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
  }
  static Process start(int ranks, const std::vector<std::string>& command) {
    std::vector<std::string> all{"mpirun", "-n", std::to_string(ranks), GRADZONE_PROGRAM};
    all.insert(all.end(), command.begin(), command.end());
    return Process::other(all);
  }
  static Outcome run_ranks(int ranks, const std::vector<std::string>& command) {
    return start(ranks, command).wait(std::chrono::seconds(120));
  }
};

TEST_P(CliRanks, WriteTheBytesOfOneProcess) {
  const Contents expected = alone();
  for (const int ranks : {2, 3}) {
    const fs::path folder = path(std::to_string(ranks));
    const Outcome outcome = run_ranks(ranks, with_out(GetParam().command, folder));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    expect_same(results_of(folder), expected);
  }
}

TEST_P(CliShares, MergedAndFinishedAreTheBytesOfOneProcess) {
  const Contents expected = alone();
  std::vector<std::string> merge{"merge"};
  for (int k = 1; k <= 3; ++k) {
    const fs::path part = path("part-" + std::to_string(k));
    std::vector<std::string> command = with_out(GetParam().command, part);
    command.insert(command.end(), {"--share", std::to_string(k) + "/3"});
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("gradzone merge"), std::string::npos);
    EXPECT_FALSE(fs::exists(part / "summary.json"));
    EXPECT_FALSE(fs::exists(part / "search.json"));
    merge.push_back(part.string());
  }
  merge = with_out(merge, path("all"));
  for (const std::string units : {"", " 0 of them new"}) {  // twice: the second time there is nothing to add
    const Outcome merged = run(merge);
    EXPECT_EQ(merged.exit_code, 0) << merged.err;
    EXPECT_NE(merged.out.find(units), std::string::npos) << merged.out;
  }
  const Outcome finished = run(with_out(GetParam().command, path("all")));
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  expect_same(results_of(path("all")), expected);
}

const auto name_of = [](const testing::TestParamInfo<Study>& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Studies, CliRanks, testing::ValuesIn(studies), name_of);
INSTANTIATE_TEST_SUITE_P(Studies, CliShares, testing::ValuesIn(studies), name_of);

/// Of one study each.
class CliCluster : public CliRanks {};
INSTANTIATE_TEST_SUITE_P(Volume, CliCluster,
                         testing::Values(Study{
                             "long",
                             {"volume", "--net", "lenet5", "--data", "glyphs:320", "--inits", "16", "--batch",
                              "32", "--certify", "hits", "--seed", "3"}}),
                         name_of);

/// Process ids of the ranks that mpirun started for a command that writes to `out`.
std::vector<pid_t> ranks_writing_to(const fs::path& out) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    std::error_code none;
    const fs::path program = fs::read_symlink(entry.path() / "exe", none);
    if (none || program != fs::canonical(GRADZONE_PROGRAM)) continue;
    if (read(entry.path() / "cmdline").find(out.string()) != std::string::npos) found.push_back(pid);
  }
  return found;
}

TEST_P(CliCluster, ARankKilledAtAnyMomentLosesNothingThatWasFinished) {
  const Contents expected = alone();
  const fs::path table = out() / "volume.csv";
  std::uintmax_t size = 0;
  for (int killed = 0; killed < 3; ++killed) {
    Process process = start(2, with_out(GetParam().command, out()));
    for (int i = 0; i < 6000 && !(fs::exists(table) && fs::file_size(table) > size); ++i)
      std::this_thread::sleep_for(milliseconds(5));
    const auto ranks = ranks_writing_to(out());
    if (ranks.empty()) break;  // quicker than this test
    ::kill(ranks[static_cast<std::size_t>(killed) % ranks.size()], SIGKILL);
    EXPECT_NE(process.wait().exit_code, 0);
    EXPECT_GE(fs::file_size(table), size);
    size = fs::file_size(table);
  }
  EXPECT_GT(size, 0u);
  const Outcome outcome = run_ranks(3, with_out(GetParam().command, out()));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_same(results_of(out()), expected);
}

TEST_P(CliCluster, AStopKeepsWhatIsFinishedAndTheSameCommandContinuesAlone) {
  const Contents expected = alone();
  Process process = start(2, with_out(GetParam().command, out()));
  for (int i = 0; i < 6000 && !fs::exists(out() / "volume.csv"); ++i)
    std::this_thread::sleep_for(milliseconds(5));
  process.send(SIGTERM);
  process.wait();
  EXPECT_TRUE(ranks_writing_to(out()).empty());
  const Outcome outcome = run(with_out(GetParam().command, out()));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_same(results_of(out()), expected);
}

/// The line of the program among mpirun's own.
std::string line_of_program(const std::string& err) {
  const std::size_t begin = err.find("gradzone: ");
  EXPECT_NE(begin, std::string::npos) << err;
  EXPECT_EQ(err.find("gradzone: ", begin + 1), std::string::npos) << "said twice: " << err;
  return begin == std::string::npos ? "" : err.substr(begin, err.find('\n', begin) - begin);
}

TEST_P(CliCluster, RefusalsAreOneLineOfOneRank) {
  const auto refused = [&](const std::vector<std::string>& command, int code, const std::string& named) {
    const Outcome outcome = run_ranks(2, command);
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_NE(line_of_program(outcome.err).find(named), std::string::npos) << outcome.err;
  };
  refused({"volume", "--nett"}, 2, "--nett");
  refused({"volume", "--net", "lenet5", "--data", "mnist:/nowhere"}, 3, "/nowhere");
  refused({"drift", "--data", "glyphs:20", "--lr", "0.1"}, 2, "drift works in one process");
  refused({"report", out().string()}, 2, "report works in one process");
  // A folder of another study is found by rank 0 alone.
  run(with_out({"volume", "--net", "mlp:1x8", "--data", "glyphs:20", "--inits", "1"}, out()));
  refused(with_out({"volume", "--net", "mlp:1x8", "--data", "glyphs:21", "--inits", "1"}, out()), 2,
          "other options");
}

TEST_F(CliTest, MergeRefusesWhatAreNoSharesOfOneStudy) {
  const auto make = [&](const std::string& name, const std::string& seed) {
    run(with_out({"volume", "--net", "mlp:1x8", "--data", "glyphs:20", "--inits", "2", "--seed", seed},
                 path(name)));
    run(with_out(
        {"train", "--net", "mlp:1x8", "--data", "glyphs:20", "--epochs", "1", "--lr", "0.1", "--seed", seed},
        path("train-" + name)));
  };
  make("a", "1");
  make("b", "2");
  const auto refused = [&](std::vector<std::string> shares, const std::string& into, int code,
                           const std::vector<std::string>& named) {
    std::vector<std::string> command{"merge"};
    for (const std::string& share : shares) command.push_back(path(share).string());
    const Outcome outcome = run(with_out(command, path(into)));
    EXPECT_EQ(outcome.exit_code, code) << outcome.out;
    expect_one_line(outcome.err, named);
  };
  refused({"a", "b"}, "all", 2, {"seed", "other options"});
  refused({"a", "train-a"}, "all2", 3, {"train-a", "volume.json"});
  refused({"nowhere"}, "all2", 3, {"nowhere", "no study"});
  refused({"a"}, "a", 2, {"one of the shares"});
  refused({"train-a"}, "a", 2, {"volume.json", "another study"});
  refused({"a"}, "train-a", 2, {"training.json", "another study"});
}

TEST_F(CliTest, SharesAreOfTheFormKN) {
  const Outcome outcome = run({"volume", "--net", "mlp:1x8", "--data", "glyphs:20", "--share", "3/2"});
  EXPECT_EQ(outcome.exit_code, 2);
  expect_one_line(outcome.err, {"--share 3/2", "K/N"});
}

}  // namespace
}  // namespace gradzone::test
