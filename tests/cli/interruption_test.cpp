// Stopped at any moment, the same command continues and ends with the same bytes.
#include <signal.h>

#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

using std::chrono::milliseconds;

class CliInterruption : public CliTest {
 protected:
  /// 40 points of LeNet-5 on two threads: a few seconds of work, on a large machine too.
  Options long_audit() const {
    return audit_options({{"--model", model("lenet5")},
                          {"--threads", "2"},
                          {"--samples", "60"},
                          {"--data", "glyphs:60"},
                          {"--format", "fp32,bf16"},
                          {"--engine", "plain"}});  // the slow one, so that there is something to interrupt
  }
  /// 40 points of a small net: mostly store, tables and report.
  Options short_audit() const {
    return audit_options({{"--model", model("mlp:1x8")}, {"--samples", "20"}, {"--format", "fp32,bf16"}});
  }
  static Options to(Options options, const fs::path& folder) {
    options["--out"] = folder.string();
    return options;
  }
  /// The results of the same audit, never interrupted.
  Contents uninterrupted(const Options& options) const {
    const Outcome outcome = run(command_line("audit", to(options, path("uninterrupted"))));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const Contents contents = results_of(path("uninterrupted"));
    EXPECT_EQ(contents.size(), 5u);  // points, branches, gradients, summary, report
    return contents;
  }
  /// Waits until the audit has stored its first points.
  void wait_for_points() const {
    for (int i = 0; i < 3000 && !(fs::exists(store()) && fs::file_size(store()) > 100'000); ++i) {
      std::this_thread::sleep_for(milliseconds(2));
    }
  }
  fs::path store() const { return out() / "store.sqlite"; }
  /// Of the store and its journal.
  std::uintmax_t stored_bytes() const {
    std::uintmax_t bytes = 0;
    for (const char* suffix : {"", "-wal", "-journal"}) {
      std::error_code none;
      const auto size = fs::file_size(store().string() + suffix, none);
      if (!none) bytes += size;
    }
    return bytes;
  }
};

TEST_F(CliInterruption, KilledAndStartedAgainItEndsWithTheSameBytes) {
  const Options options = long_audit();
  const Contents expected = uninterrupted(options);
  std::mt19937 random(2);
  int killed = 0;
  for (; killed < 5; ++killed) {
    // Killed at a random moment after it has stored something more: machines differ in how long that takes.
    const auto before = stored_bytes();
    Process process(command_line("audit", options));
    bool ended = false;
    for (int i = 0; i < 3000 && !ended && stored_bytes() == before; ++i)
      ended = process.ended_within(milliseconds(10));
    if (ended || process.ended_within(milliseconds(random() % 500))) break;
    process.send(SIGKILL);
    EXPECT_EQ(process.wait().signal, SIGKILL);
  }
  EXPECT_GE(killed, 2);
  const Outcome outcome = run(command_line("audit", options));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_same(results_of(out()), expected);
  const auto timing = nlohmann::json::parse(read(out() / "timing.json"));
  EXPECT_LT(timing["run"]["points"], 120) << "started over instead of continuing";
}

TEST_F(CliInterruption, KilledAmidWritingItEndsWithTheSameBytes) {
  const Options options = short_audit();
  const Contents expected = uninterrupted(options);
  std::mt19937 random(3);
  for (int round = 0; round < 30; ++round) {
    if (round % 10 == 0) fs::remove_all(out());
    Process process(command_line("audit", options));
    process.ended_within(milliseconds(random() % 120));
    process.send(SIGKILL);
    const Outcome outcome = process.wait();
    EXPECT_TRUE(outcome.signal == SIGKILL || outcome.exit_code == 0) << outcome.err;
  }
  const Outcome outcome = run(command_line("audit", options));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_same(results_of(out()), expected);  // and so no temporary file is left
}

TEST_F(CliInterruption, InterruptedOrTerminatedItSaysThatTheSameCommandContinues) {
  const Options options = long_audit();
  const Contents expected = uninterrupted(options);
  for (const int signal : {SIGINT, SIGTERM}) {
    SCOPED_TRACE(signal);
    fs::remove_all(out());
    Process process(command_line("audit", options));
    wait_for_points();
    process.send(signal);
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    expect_one_line(outcome.err, {"interrupted", "of 120 points", "the same command continues"});
    for (const auto& item : contents_of(out())) EXPECT_EQ(item.first, "store.sqlite");
  }
  const Outcome outcome = run(command_line("audit", options));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_same(results_of(out()), expected);
}

TEST_F(CliInterruption, ASecondAuditOfTheSameFolderIsRefused) {
  const Options options = long_audit();
  Process first(command_line("audit", options));
  wait_for_points();
  const Outcome second = run(command_line("audit", options));
  EXPECT_EQ(second.exit_code, 2);
  expect_one_line(second.err, {out().string(), "another audit"});
  first.send(SIGINT);
  EXPECT_EQ(first.wait().exit_code, 4);
}

TEST_F(CliInterruption, AnInterruptedDemoContinues) {
  const std::vector<std::string> command{"demo",      "--data", "glyphs:300", "--epochs",     "1",
                                         "--samples", "2",      "--out",      out().string(), "--quiet"};
  Process process(command);
  process.ended_within(milliseconds(150));
  process.send(SIGINT);
  const Outcome stopped = process.wait();
  if (stopped.exit_code != 0) {
    EXPECT_EQ(stopped.exit_code, 4) << stopped.err;
    expect_one_line(stopped.err, {"interrupted"});
  }
  const Outcome finished = run(command);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  // Once more with everything there: neither trained nor audited again, the same bytes.
  const Contents before = results_of(out());
  EXPECT_TRUE(before.contains("lenet5.safetensors"));
  EXPECT_EQ(run(command).exit_code, 0);
  expect_same(results_of(out()), before);
}

TEST_F(CliInterruption, ThreadsAndFoldersChangeNoByte) {
  const Options options =
      audit_options({{"--model", model("lenet5")}, {"--samples", "3"}, {"--format", "fp32,fp16"}});
  const Contents expected = uninterrupted(options);
  for (const char* threads : {"1", "2", "3"}) {
    SCOPED_TRACE(threads);
    Options other = to(options, path(std::string("threads-") + threads));
    other["--threads"] = threads;
    EXPECT_EQ(run(command_line("audit", other)).exit_code, 0);
    expect_same(results_of(other["--out"]), expected);
  }
}

}  // namespace
}  // namespace gradzone::test
