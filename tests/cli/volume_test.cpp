// Volume studies from outside: resumed to the same bytes, refused with a reason.
#include <signal.h>

#include <nlohmann/json.hpp>
#include <random>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

using std::chrono::milliseconds;

class CliVolume : public CliTest {
 protected:
  /// Two formats of six passes.
  Options options(const Options& changes = {}) const {
    Options all{{"--net", "lenet5"}, {"--data", "glyphs:90"},   {"--batch", "20"},
                {"--inits", "6"},    {"--format", "fp32,fp16"}, {"--certify", "2"},
                {"--threads", "2"},  {"--out", out().string()}, {"--quiet", ""}};
    for (const auto& [name, value] : changes) all[name] = value;
    std::erase_if(all, [](const auto& option) { return option.second == absent; });
    return all;
  }
  Outcome volume(const Options& changes = {}) const { return run(command_line("volume", options(changes))); }
};

TEST_F(CliVolume, KilledAtAnyMomentItEndsWithTheSameBytes) {
  ASSERT_EQ(volume({{"--out", path("whole").string()}}).exit_code, 0);
  const Contents expected = results_of(path("whole"));
  EXPECT_EQ(expected.size(), 5u);  // volume.json, volume.csv, points.csv, summary.json, report.html
  const unsigned seed = 7;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int killed = 0; killed < 40; ++killed) {
    Process process(command_line("volume", options()));
    if (process.ended_within(milliseconds(20 + random() % 200))) break;
    process.send(SIGKILL);
    process.wait();
  }
  const Outcome outcome = volume();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_same(results_of(out()), expected);
}

TEST_F(CliVolume, InterruptedItSaysSoAndContinues) {
  const Options large{
      {"--data", "glyphs:2000"}, {"--inits", "20"}, {"--format", "fp32"}, {"--certify", "none"}};
  Process process(command_line("volume", options(large)));
  while (!fs::exists(out() / "volume.json") && !process.ended_within(milliseconds(5))) continue;
  if (!process.ended_within(milliseconds(100))) {
    process.send(SIGINT);
    const Outcome outcome = process.wait();
    if (outcome.exit_code != 0) {
      EXPECT_EQ(outcome.exit_code, 4);
      expect_one_line(outcome.err,
                      {"interrupted after", "of 20 initialisations", "the same command continues"});
    }
  }
  EXPECT_EQ(volume(large).exit_code, 0);
}

TEST_F(CliVolume, TheTableAndTheSummarySayWhatWasCertified) {
  const Options crossed{{"--format", "fp32"}, {"--order", "chain,bias-first"}, {"--quiet", absent}};
  const Outcome outcome = volume(crossed);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* text : {"fp32/chain: 6 initialisations, 30 mini-batches", "fp32/bias-first", "hit (any)",
                           "certified: 12 of 30 mini-batches", "points.csv"})
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << '\n' << outcome.out;
  Options as_json = crossed;
  as_json["--json"] = "";
  const Outcome json = volume(as_json);
  const auto summary = nlohmann::json::parse(json.out);
  const auto& chain = summary["formats"]["fp32/chain"];
  EXPECT_EQ(chain["certified"]["batches"]["count"], 12);
  EXPECT_EQ(chain["certified"]["points"], 12);
  EXPECT_EQ(chain["hit"]["rule"], "any");
  EXPECT_EQ(json.out, read(out() / "summary.json"));
}

TEST_F(CliVolume, OtherOptionsAreRefusedMoreInitialisationsAreNot) {
  ASSERT_EQ(volume({{"--inits", "2"}}).exit_code, 0);
  const Contents before = contents_of(out());
  const std::vector<std::pair<Options, std::vector<std::string>>> others{
      {{{"--batch", "30"}}, {"batch (stored 20, now 30)"}},
      {{{"--hit", "first-layer"}}, {"hit (stored \"any\", now \"first-layer\")"}},
      {{{"--until-hit", ""}}, {"until_hit"}},
      {{{"--certify", "hits"}}, {"certify"}},
      {{{"--order", "pairwise"}}, {"formats"}},
      {{{"--init", "he"}}, {"initialisation"}},
      {{{"--seed", "1"}}, {"seed (stored 0, now 1)"}}};
  for (const auto& [changes, named] : others) {
    const Outcome outcome = volume(changes);
    EXPECT_EQ(outcome.exit_code, 2);
    expect_one_line(outcome.err, named);
    expect_one_line(outcome.err, {"volume.json", "--out"});
  }
  const Outcome fewer = volume({{"--inits", "1"}});
  EXPECT_EQ(fewer.exit_code, 2);
  expect_one_line(fewer.err, {"--inits 1", "2 initialisations of fp32/chain"});
  expect_same(contents_of(out()), before);
  EXPECT_EQ(volume({{"--inits", "3"}}).exit_code, 0);
}

TEST_F(CliVolume, OtherStudiesInTheFolderAreLeftAlone) {
  ASSERT_EQ(audit().exit_code, 0);
  const Contents before = contents_of(out());
  const Outcome outcome = volume();
  EXPECT_EQ(outcome.exit_code, 2);
  expect_one_line(outcome.err, {out().string(), "another study", "--out"});
  expect_same(contents_of(out()), before);
}

TEST_F(CliVolume, ReportWritesThePageAgain) {
  ASSERT_EQ(volume({{"--inits", "2"}}).exit_code, 0);
  const Contents before = contents_of(out());
  EXPECT_NE(before.at("report.html").find("</html>"), std::string::npos);
  fs::remove(out() / "report.html");
  const Outcome text = run({"report", out().string()});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("fp32/chain: 2 initialisations, 10 mini-batches"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("report.html"), std::string::npos);
  expect_same(contents_of(out()), before);
  EXPECT_EQ(run({"report", out().string(), "--json"}).out, before.at("summary.json"));
  write(out() / "volume.csv", "format,init\n");
  const Outcome damaged = run({"report", out().string()});
  EXPECT_EQ(damaged.exit_code, 3);
  expect_one_line(damaged.err, {"volume.csv", "order"});
}

TEST_F(CliVolume, DamagedTablesAreNamedAndKept) {
  ASSERT_EQ(volume().exit_code, 0);
  const auto expect_named = [&](const fs::path& file, const Bytes& bytes, const std::string& what) {
    const Bytes before = read(file);
    write(file, bytes);
    const Outcome outcome = volume();
    EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
    expect_one_line(outcome.err, {file.string(), what});
    EXPECT_EQ(read(file), bytes);
    write(file, before);
  };
  const Bytes rows = read(out() / "volume.csv"), points = read(out() / "points.csv");
  expect_named(out() / "volume.csv", "format,init\n", "order");
  expect_named(out() / "volume.csv", rows + rows.substr(rows.find('\n') + 1), "twice");
  expect_named(out() / "points.csv", points.substr(0, points.find('\n') + 1), "volume.csv");
  EXPECT_EQ(volume().exit_code, 0);
}

TEST_F(CliVolume, NonsenseIsRefusedBeforeAnythingIsWritten) {
  const std::vector<std::pair<Options, std::vector<std::string>>> refused{
      {{{"--data", absent}}, {"--data", "gradzone volume --help"}},
      {{{"--net", "vgg12"}}, {"vgg12", "vgg11"}},
      {{{"--inits", "0"}}, {"--inits 0"}},
      {{{"--batch", "0"}}, {"--batch 0"}},
      {{{"--batches", "6"}}, {"--batches 6", "90 images", "5 mini-batches"}},
      {{{"--batches", "-1"}}, {"--batches -1"}},
      {{{"--hit", "tau=much"}}, {"--hit tau=much", "first-layer"}},
      {{{"--certify", "some"}}, {"--certify some", "hits"}},
      {{{"--ci-width", "2"}}, {"--ci-width 2"}},
      {{{"--order", "sideways"}}, {"sideways", "pairwise"}},
      {{{"--format", "fp32,fp32/chain"}}, {"fp32/chain", "twice"}},
      {{{"--choices", "native"}}, {"two"}},
      {{{"--init", "zero"}}, {"zero", "kaiming0"}},
      {{{"--form", "indirect"}}, {"--form", "indirect"}},
      {{{"--net", "lenet5-bn"}, {"--batch", "89"}}, {"--batch 89", "batch norm"}}};
  for (const auto& [changes, named] : refused) {
    const Outcome outcome = volume(changes);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    expect_one_line(outcome.err, named);
  }
  const Outcome outcome = volume({{"--data", "mnist:" + path("none").string()}});
  EXPECT_EQ(outcome.exit_code, 3);
  expect_one_line(outcome.err, {path("none").string()});
  EXPECT_FALSE(fs::exists(out()));
}

}  // namespace
}  // namespace gradzone::test
