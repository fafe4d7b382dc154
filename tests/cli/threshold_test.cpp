// gradzone threshold from outside: stored audits and volumes, new studies, and refusals.
#include <nlohmann/json.hpp>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

class CliThreshold : public CliTest {
 protected:
  std::vector<std::string> new_study(const std::string& folder, const std::string& threads = "2") const {
    return {
        "threshold", "--net",    "lenet5",    "--data", "glyphs:90",           "--batch",   "30",   "--inits",
        "2",         "--format", "fp32,fp16", "--out",  path(folder).string(), "--threads", threads};
  }
};

TEST_F(CliThreshold, OfANewStudyIsThatOfTheStoredOne) {
  const Outcome fresh = run(new_study("a"));
  EXPECT_EQ(fresh.exit_code, 0) << fresh.err;
  for (const char* text : {"fp32/chain: 6 points, 6 certified", "stat_l1: smallest", "boustany2024",
                           "best possible stat_inf", "decided points", "decades.csv"})
    EXPECT_NE(fresh.out.find(text), std::string::npos) << text << '\n' << fresh.out;
  const Contents results = results_of(path("a"));
  EXPECT_TRUE(results.contains("thresholds.csv") && results.contains("decades.csv"));
  const Outcome stored = run({"threshold", path("a").string()});
  EXPECT_EQ(stored.out, fresh.out);
  expect_same(results_of(path("a")), results);
  EXPECT_EQ(run(new_study("b", "1")).exit_code, 0);
  expect_same(results_of(path("b")), results);
  const Outcome json = run({"threshold", path("a").string(), "--json"});
  EXPECT_EQ(json.out, read(path("a") / "thresholds.json"));
  EXPECT_EQ(nlohmann::json::parse(json.out)["formats"]["fp16/chain"]["certified"], 6);
}

TEST_F(CliThreshold, JudgesAudits) {
  ASSERT_EQ(audit().exit_code, 0);
  const Outcome outcome = run({"threshold", out().string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("2 points, 2 certified"), std::string::npos) << outcome.out;
  EXPECT_FALSE(read(out() / "thresholds.csv").empty());
}

TEST_F(CliThreshold, RefusesInOneLine) {
  const auto refused = [&](const std::vector<std::string>& arguments, int code,
                           const std::vector<std::string>& named) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    expect_one_line(outcome.err, named);
  };
  refused({"threshold"}, 2, {"name a folder", "--data"});
  refused({"threshold", "somewhere", "--data", "glyphs:30"}, 2, {"not both"});
  refused({"threshold", path("none").string()}, 3, {"none"});
  fs::create_directories(path("bad"));
  write(path("bad") / "volume.json", "{\"study\": 1}");
  refused({"threshold", path("bad").string()}, 3, {"volume.json"});
  EXPECT_FALSE(fs::exists(path("bad") / "thresholds.csv"));
}

}  // namespace
}  // namespace gradzone::test
