// Trainings from outside: resumed to the same bytes, refused with a reason, usable by the other commands.
#include <signal.h>

#include <nlohmann/json.hpp>
#include <random>

#include "cli/cli_test.hpp"
#include "cli/small_disk.hpp"

namespace gradzone::test {
namespace {

using std::chrono::milliseconds;

class CliTraining : public CliTest {
 protected:
  /// Three units of two epochs, a few steps each.
  Options options(const Options& changes = {}) const {
    Options all{{"--net", "lenet5-bn"},    {"--data", "glyphs:90"}, {"--batch", "20"},    {"--epochs", "2"},
                {"--lr", "0.05"},          {"--format", "fp32"},    {"--beta", "0,1,10"}, {"--threads", "2"},
                {"--out", out().string()}, {"--quiet", ""}};
    for (const auto& [name, value] : changes) all[name] = value;
    std::erase_if(all, [](const auto& option) { return option.second == absent; });
    return all;
  }
  static Outcome train(const Options& options) { return run(command_line("train", options)); }
  Outcome train_with(const Options& changes) const { return train(options(changes)); }
  /// What the same command writes when nothing disturbs it.
  Contents undisturbed(Options changes = {}) const {
    changes["--out"] = path("undisturbed").string();
    const Outcome outcome = train_with(changes);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return results_of(path("undisturbed"));
  }
  static nlohmann::json json(const fs::path& file) { return nlohmann::json::parse(read(file)); }
};

TEST_F(CliTraining, KilledAtAnyMomentItEndsWithTheSameBytes) {
  const Options more{{"--format", "fp32,amp16"}, {"--form", "composed"}, {"--audit-every", "4"}};
  const Contents expected = undisturbed(more);
  EXPECT_EQ(expected.size(), 6u + 4u);  // checkpoints; training.json, summary.json, trace.csv, zones.csv
  const unsigned seed = 7;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  int killed = 0;
  for (; killed < 40; ++killed) {
    Process process(command_line("train", options(more)));
    if (process.ended_within(milliseconds(50 + random() % 400))) break;
    process.send(SIGKILL);
    const Outcome outcome = process.wait();
    EXPECT_TRUE(outcome.signal == SIGKILL || outcome.exit_code == 0) << outcome.err;
  }
  EXPECT_GE(killed, 2);
  const Outcome outcome = train_with(more);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_same(results_of(out()), expected);
}

TEST_F(CliTraining, InterruptedWithinAnEpochItContinuesThere) {
  const Options large{{"--data", "glyphs:20000"},
                      {"--epochs", "1"},
                      {"--beta", "1"},
                      {"--optimiser", "adam"},
                      {"--lr", "0.002"}};
  const Contents expected = undisturbed(large);
  int interrupted = 0;
  for (int round = 0; round < 3; ++round) {
    Process process(command_line("train", options(large)));
    // Not before it listens to signals.
    while (!fs::exists(out() / "training.json") && !process.ended_within(milliseconds(5))) continue;
    if (process.ended_within(milliseconds(60))) break;
    const int signal = round == 1 ? SIGTERM : SIGINT;
    process.send(signal);
    const Outcome outcome = process.wait();
    if (outcome.exit_code == 0) break;
    if (outcome.signal == signal) continue;  // a continued training did not listen yet
    ++interrupted;
    EXPECT_EQ(outcome.exit_code, 4);
    expect_one_line(outcome.err, {"interrupted in epoch 1", "the same command continues"});
  }
  EXPECT_GE(interrupted, 1);
  EXPECT_EQ(train_with(large).exit_code, 0);
  expect_same(results_of(out()), expected);
}

TEST_F(CliTraining, ThreadsChangeNoByte) {
  const Contents expected = undisturbed();
  for (const char* threads : {"1", "3"}) {
    SCOPED_TRACE(threads);
    const fs::path folder = path(std::string("threads-") + threads);
    EXPECT_EQ(train_with({{"--threads", threads}, {"--out", folder.string()}}).exit_code, 0);
    expect_same(results_of(folder), expected);
  }
}

TEST_F(CliTraining, AllBetasShareWeightsAndOrder) {
  // Without a tie in sight: on an mlp beta means nothing, so the curves are the same.
  ASSERT_EQ(train_with({{"--net", "mlp:2x16"}, {"--beta", "0,10"}}).exit_code, 0);
  const auto units = json(out() / "summary.json")["units"];
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[0]["train_loss"], units[1]["train_loss"]);
}

TEST_F(CliTraining, MoreRunsAndEpochsContinueOtherOptionsAreRefused) {
  const Contents expected = undisturbed({{"--runs", "2"}});
  ASSERT_EQ(train_with({{"--stop-after", "1"}}).exit_code, 0);
  const Contents before = contents_of(out());
  const std::vector<std::pair<Options, std::vector<std::string>>> others{
      {{{"--batch", "30"}}, {"batch (stored 20, now 30)"}},
      {{{"--lr", "0.1"}}, {"learning_rates.fp32 (stored 0.05, now 0.1)"}},
      {{{"--momentum", "0.5"}}, {"optimiser.momentum (stored 0.9, now 0.5)"}},
      {{{"--beta", "0,1"}}, {"betas"}},
      {{{"--data", "glyphs:80"}}, {"data_sha256"}},
      {{{"--seed", "1"}}, {"seed (stored 0, now 1)"}}};
  for (const auto& [changes, named] : others) {
    const Outcome outcome = train_with(changes);
    EXPECT_EQ(outcome.exit_code, 2);
    expect_one_line(outcome.err, named);
    expect_one_line(outcome.err, {"training.json", "--out"});
  }
  expect_same(contents_of(out()), before);
  ASSERT_EQ(train_with({{"--runs", "2"}}).exit_code, 0);
  Contents found = results_of(out()), wanted = expected;
  found.erase("training.json");  // it has the first command
  wanted.erase("training.json");
  found.erase("summary.json");
  wanted.erase("summary.json");
  expect_same(found, wanted);
}

TEST_F(CliTraining, AFullDiskInterruptsAndTheSameCommandContinues) {
  const Contents expected = undisturbed();
  const SmallDisk disk(path("disk"), "size=8k");
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  const Options there{{"--out", path("disk").string()}};
  int interrupted = 0;
  for (const char* size : {"size=8k", "size=100k", "size=500k", "size=900k", "size=16m"}) {
    SCOPED_TRACE(size);
    ASSERT_TRUE(disk.resize(size));
    const Outcome outcome = train_with(there);
    if (outcome.exit_code == 0) break;
    ++interrupted;
    EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
    expect_one_line(outcome.err, {path("disk").string(), "the disk is full", "the same command"});
    EXPECT_FALSE(any_temporary(path("disk")));
  }
  EXPECT_GE(interrupted, 2);
  expect_same(results_of(path("disk")), expected);
}

TEST_F(CliTraining, DamagedFilesAreNamedAndKept) {
  ASSERT_EQ(train_with({{"--stop-after", "1"}}).exit_code, 0);
  const fs::path checkpoint = out() / "fp32-direct-beta0-run0.safetensors";
  const Bytes good = read(checkpoint), trace = read(out() / "trace.csv");
  const auto expect_named = [&](const fs::path& file, const Bytes& bytes, const std::string& what) {
    const Bytes before = read(file);
    write(file, bytes);
    const Outcome outcome = train_with({});
    EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
    expect_one_line(outcome.err, {file.string(), what});
    EXPECT_EQ(read(file), bytes);
    write(file, before);
  };
  expect_named(checkpoint, good.substr(0, good.size() / 2), "safetensors");
  expect_named(checkpoint, read(out() / "fp32-direct-beta1-run0.safetensors"), "unit");
  expect_named(checkpoint, bytes_of(fresh_checkpoint("lenet5-bn")), "study");
  expect_named(out() / "trace.csv", "run,epoch\n", "beta");
  expect_named(out() / "trace.csv", trace.substr(0, trace.find('\n') + 1), "lacks epoch 1");
  EXPECT_EQ(train_with({}).exit_code, 0);
}

TEST_F(CliTraining, ACheckpointIsAModelToAudit) {
  ASSERT_EQ(train_with({{"--beta", "0"}, {"--format", "fp16"}}).exit_code, 0);
  const std::string model = "lenet5-bn:" + (out() / "fp16-direct-beta0-run0.safetensors").string();
  const Outcome outcome = audit({{"--model", model}, {"--out", path("audit").string()}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(CliTraining, NanIsReportedAtItsLayerAndStep) {
  const Outcome outcome =
      train_with({{"--format", "fp16"}, {"--form", "composed"}, {"--beta", "1e6"}, {"--quiet", absent}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("first NaN or infinity in epoch 1, step 1, at features.2"), std::string::npos)
      << outcome.out;
  const auto unit = json(out() / "summary.json")["units"][0];
  EXPECT_EQ(unit["first_non_finite"]["layer"], "features.2");
  EXPECT_TRUE(unit["train_loss"].is_null());
  EXPECT_EQ(train_with({{"--format", "fp16"}, {"--form", "composed"}, {"--beta", "1e6"}}).exit_code, 0);
}

TEST_F(CliTraining, NonsenseIsRefusedBeforeAnythingIsWritten) {
  const std::vector<std::pair<Options, std::vector<std::string>>> refused{
      {{{"--lr", absent}}, {"--lr"}},
      {{{"--lr", "-1"}}, {"--lr -1", "paper"}},
      {{{"--lr", "paper"}}, {"no rate for lenet5-bn on glyphs", "search-lr"}},
      {{{"--lr", "paper:svhn"}}, {"no rate for lenet5-bn on svhn", "search-lr"}},
      {{{"--optimiser", "lion"}}, {"lion", "adamw"}},
      {{{"--schedule", "sometimes"}}, {"sometimes", "cosine"}},
      {{{"--stop-after", "3"}}, {"--stop-after 3"}},
      {{{"--runs", "0"}}, {"--runs 0"}},
      {{{"--epochs", "0"}}, {"--epochs 0"}},
      {{{"--beta", "0,much"}}, {"--beta", "much"}},
      {{{"--beta", "1,1"}}, {"--beta", "twice"}},
      {{{"--form", "indirect"}}, {"indirect"}},
      {{{"--format", "fp32/pairs"}}, {"fp32/pairs", "amp16", "/bias-first"}},
      {{{"--batch", "89"}}, {"--batch 89", "batch norm"}},
      {{{"--net", "vgg12"}}, {"vgg12", "vgg11"}}};
  for (const auto& [changes, named] : refused) {
    const Outcome outcome = train_with(changes);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    expect_one_line(outcome.err, named);
  }
  const Outcome outcome = train_with({{"--lr", "from:" + path("none").string()}});
  EXPECT_EQ(outcome.exit_code, 3);
  expect_one_line(outcome.err, {path("none").string()});
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CliTraining, ASearchIsResumedAndItsRateIsUsed) {
  const Options search{{"--net", "mlp:2x16"}, {"--data", "glyphs:200"}, {"--batch", "20"},
                       {"--epochs", "3"},     {"--trials", "8"},        {"--out", path("rates").string()},
                       {"--quiet", ""}};
  Options elsewhere = search;
  elsewhere["--out"] = path("undisturbed").string();
  ASSERT_EQ(run(command_line("search-lr", elsewhere)).exit_code, 0);
  std::mt19937 random(5);
  for (int round = 0; round < 10; ++round) {
    Process process(command_line("search-lr", search));
    if (process.ended_within(milliseconds(20 + random() % 150))) break;
    process.send(SIGKILL);
    process.wait();
  }
  ASSERT_EQ(run(command_line("search-lr", search)).exit_code, 0);
  expect_same(results_of(path("rates")), results_of(path("undisturbed")));

  const auto result = json(path("rates") / "search.json");
  ASSERT_EQ(result["trials"].size(), 8u);
  double best = 0;
  for (const auto& trial : result["trials"]) {
    EXPECT_GE(trial["lr"], 1e-5);
    EXPECT_LE(trial["lr"], 1e-1);
    if (!trial["pruned"]) best = std::max(best, trial["test_accuracy"].get<double>());
  }
  EXPECT_EQ(result["best"]["fp32"]["test_accuracy"], best);
  const std::string from = "from:" + path("rates").string();
  ASSERT_EQ(train_with({{"--net", "mlp:2x16"}, {"--lr", from}}).exit_code, 0);
  EXPECT_EQ(json(out() / "training.json")["learning_rates"]["fp32"], result["best"]["fp32"]["lr"]);
  const Outcome other = train_with({{"--lr", from}, {"--out", path("other").string()}});
  EXPECT_EQ(other.exit_code, 2);
  expect_one_line(other.err, {"mlp:2x16", "lenet5-bn"});
}

TEST_F(CliTraining, DriftOfASecondNativeRunIsZeroAndResumes) {
  const Options drift{{"--net", "lenet5"}, {"--data", "glyphs:120"},  {"--batch", "20"},
                      {"--epochs", "2"},   {"--beta", "10,1000"},     {"--lr", "0.1"},
                      {"--every", "4"},    {"--out", out().string()}, {"--quiet", ""}};
  Options elsewhere = drift;
  elsewhere["--out"] = path("undisturbed").string();
  elsewhere["--threads"] = "1";
  ASSERT_EQ(run(command_line("drift", elsewhere)).exit_code, 0);
  std::mt19937 random(5);
  for (int round = 0; round < 10; ++round) {
    Process process(command_line("drift", drift));
    if (process.ended_within(milliseconds(50 + random() % 300))) break;
    process.send(SIGKILL);
    process.wait();
  }
  Options json_too = drift;
  json_too["--json"] = "";
  const Outcome outcome = run(command_line("drift", json_too));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  Contents found = results_of(out());
  expect_same(found, results_of(path("undisturbed")));
  const auto rows = nlohmann::json::parse(outcome.out)["rows"];
  EXPECT_EQ(rows.size(), 4u * 4u);  // after steps 4, 6 (an epoch), 8, 12 (both)
  bool others_drift = false;
  for (const auto& row : rows) {
    if (row["beta"] == 0) {
      EXPECT_EQ(row["distance"], 0);
    } else {
      others_drift |= row["distance"] > 0;
    }
  }
  EXPECT_TRUE(others_drift);
}

}  // namespace
}  // namespace gradzone::test
