// What an audit leaves behind, and what the other sub-commands make of it.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

using nlohmann::json;

std::vector<std::string> header_of(const fs::path& csv) {
  std::stringstream line(read(csv).substr(0, read(csv).find('\n')));
  std::vector<std::string> columns;
  for (std::string column; std::getline(line, column, ',');) columns.push_back(column);
  return columns;
}

void expect_columns(const fs::path& csv, const std::vector<std::string>& wanted) {
  const std::vector<std::string> columns = header_of(csv);
  for (const std::string& column : wanted) {
    EXPECT_EQ(std::count(columns.begin(), columns.end(), column), 1) << column << " in " << csv;
  }
}

class CliResults : public CliTest {};

TEST_F(CliResults, TheTablesHaveTheirColumns) {
  ASSERT_EQ(audit({{"--model", model("lenet5")}}).exit_code, 0);
  expect_columns(out() / "points.csv",
                 {"point", "first", "batch", "format", "form", "choices", "zone", "cause", "cause_layer",
                  "proof", "witness", "delta_real_lower", "delta_real_upper", "delta_float_inf",
                  "delta_float_l1", "stat_inf", "stat_l1", "bits_used"});
  expect_columns(out() / "branches.csv", {"point", "layer", "op", "windows", "real_ties_positive",
                                          "real_ties_zero", "float_ties_positive", "float_ties_zero",
                                          "false_ties", "lost_ties", "real_zeros", "float_zeros"});
  expect_columns(out() / "gradients.csv", {"point", "format", "choice", "tensor"});
  const Bytes points = read(out() / "points.csv");
  EXPECT_EQ(std::count(points.begin(), points.end(), '\n'), 3);
  EXPECT_NE(read(out() / "branches.csv").find("features.2"), std::string::npos);
}

TEST_F(CliResults, TheSummaryHasItsKeys) {
  ASSERT_EQ(audit({{"--model", model("lenet5")}}).exit_code, 0);
  const json summary = json::parse(read(out() / "summary.json"));
  for (const char* key :
       {"points", "zones", "causes", "thresholds", "confusion", "seed", "command", "versions"}) {
    EXPECT_TRUE(summary.contains(key)) << key;
  }
  EXPECT_EQ(summary["points"], 2);
  int counted = 0;
  for (const char* zone : {"regular", "bifurcation", "compensation", "undecided"}) {
    const json& entry = summary["zones"].at(zone);
    counted += entry.at("count").get<int>();
    EXPECT_DOUBLE_EQ(entry.at("share").get<double>(), entry["count"].get<double>() / 2);
    EXPECT_LE(entry.at("ci95").at(0), entry["share"]);
    EXPECT_GE(entry["ci95"].at(1), entry["share"]);
  }
  EXPECT_EQ(counted, 2);
  EXPECT_EQ(summary["zones"]["undecided"]["count"], 0);
  const json timing = json::parse(read(out() / "timing.json"));
  EXPECT_EQ(timing["points"].size(), 2u);
}

TEST_F(CliResults, JsonOnStandardOutputIsTheSummary) {
  const Outcome outcome = audit({{"--json", ""}});
  ASSERT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out, read(out() / "summary.json"));
  EXPECT_FALSE(json::parse(outcome.out, nullptr, false).is_discarded());
}

TEST_F(CliResults, TheSummarysCommandGivesTheSameResults) {
  ASSERT_EQ(audit({{"--format", "fp16,fp32/pairwise"},
                   {"--choices", "native,beta=1000+relu=0.5"},
                   {"--form", "composed"},
                   {"--shuffle", ""},
                   {"--seed", "7"},
                   {"--batch", "3"},
                   {"--max-bits", "512"}})
                .exit_code,
            0);
  std::stringstream command(json::parse(read(out() / "summary.json"))["command"].get<std::string>());
  std::vector<std::string> words;
  for (std::string word; command >> word;) words.push_back(word);
  ASSERT_EQ(words.front(), "gradzone");
  words.erase(words.begin());
  words.insert(words.end(), {"--out", path("again").string(), "--quiet"});
  EXPECT_EQ(run(words).exit_code, 0);
  expect_same(results_of(path("again")), results_of(out()));
}

TEST_F(CliResults, PointsAreTheFirstOnesOfTheOrder) {
  ASSERT_EQ(audit({{"--samples", "2"}, {"--batch", "3"}}).exit_code, 0);
  const Bytes points = read(out() / "points.csv");
  EXPECT_NE(points.find("\n0,0,3,"), std::string::npos);
  EXPECT_NE(points.find("\n1,3,3,"), std::string::npos);
}

TEST_F(CliResults, FailOnTurnsAZoneIntoAnExitCode) {
  const Outcome audited = audit({{"--json", ""}});
  ASSERT_EQ(audited.exit_code, 0);
  const json zones = json::parse(audited.out)["zones"];
  int found = 0;
  for (const char* zone : {"regular", "bifurcation", "compensation", "undecided"}) {
    SCOPED_TRACE(zone);
    const bool there = zones[zone]["count"] > 0;
    found += there;
    const Outcome outcome = audit({{"--fail-on", zone}});
    EXPECT_EQ(outcome.exit_code, there ? 1 : 0);
    EXPECT_EQ(outcome.err, "");
  }
  EXPECT_GE(found, 1);
}

TEST_F(CliResults, ReportWritesTheSamePageAgain) {
  ASSERT_EQ(audit({{"--model", model("lenet5")}}).exit_code, 0);
  const Contents before = contents_of(out());
  fs::remove(out() / "report.html");
  const Outcome outcome = run({"report", out().string(), "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, before.at("summary.json"));
  expect_same(contents_of(out()), before);
}

TEST_F(CliResults, ReportNeedsOnlyTheTables) {
  ASSERT_EQ(audit({{"--model", model("lenet5")}}).exit_code, 0);
  const Contents before = contents_of(out());
  for (const char* name : {"store.sqlite", "timing.json", "report.html"}) fs::remove(out() / name);
  const Outcome outcome = run({"report", out().string(), "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, before.at("summary.json"));
  const Bytes page = read(out() / "report.html");
  EXPECT_NE(page.find("</html>"), std::string::npos);
  EXPECT_EQ(read(out() / "points.csv"), before.at("points.csv"));
}

TEST_F(CliResults, ReportRefusesDamagedTables) {
  ASSERT_EQ(audit().exit_code, 0);
  fs::remove(out() / "store.sqlite");
  const Contents whole = contents_of(out());
  const auto expect_refusal = [&](const std::string& name, const Bytes& bytes) {
    SCOPED_TRACE(name);
    write(out() / name, bytes);
    const Contents before = contents_of(out());
    const Outcome outcome = run({"report", out().string()});
    EXPECT_EQ(outcome.exit_code, 3);
    expect_one_line(outcome.err, {name});
    expect_same(contents_of(out()), before);
    write(out() / name, whole.at(name));
  };
  for (const char* name : {"points.csv", "branches.csv", "gradients.csv", "summary.json"}) {
    expect_refusal(name, "");
    expect_refusal(name, whole.at(name).substr(0, whole.at(name).size() / 2));
    expect_refusal(name, "\x01\x02 neither CSV nor JSON {");
  }
}

TEST_F(CliResults, InspectSaysWhatCanBeAudited) {
  for (const char* net : {"lenet5", "lenet5-bn", "mlp:2x16"}) {
    SCOPED_TRACE(net);
    const std::string spec = model(net);
    const std::string file = spec.substr(spec.find('/'));
    const Outcome text = run({"inspect", file});
    EXPECT_EQ(text.exit_code, 0) << text.err;
    EXPECT_NE(text.out.find("--model " + spec), std::string::npos) << text.out;
    const json description = json::parse(run({"inspect", file, "--json"}).out);
    EXPECT_EQ(description["network"], net);
    EXPECT_EQ(description["auditable"], true);
    EXPECT_EQ(description["tensors"].size(), fresh_checkpoint(net).tensors.size());
  }
}

TEST_F(CliResults, InspectSaysWhyACheckpointCannotBeAudited) {
  Checkpoint bad = fresh_checkpoint("lenet5");
  tensor(bad, "features.0.weight").values[0] = std::numeric_limits<double>::infinity();
  write(path("bad"), bytes_of(bad));
  Checkpoint strange = fresh_checkpoint("lenet5");
  strange.tensors.pop_back();
  write(path("strange"), bytes_of(strange));
  for (const auto& [name, why] :
       {std::pair{"bad", "features.0.weight"}, std::pair{"strange", "no network"}}) {
    SCOPED_TRACE(name);
    const Outcome outcome = run({"inspect", path(name).string(), "--json"});
    EXPECT_EQ(outcome.exit_code, 3);
    expect_one_line(outcome.err, {path(name).string(), why});
    const json description = json::parse(outcome.out);
    EXPECT_EQ(description["auditable"], false);
    EXPECT_NE(description["reason"].get<std::string>().find(why), std::string::npos);
    EXPECT_NE(run({"inspect", path(name).string()}).out.find("features.0.weight"), std::string::npos);
  }
  const Outcome missing = run({"inspect", path("none").string()});
  EXPECT_EQ(missing.exit_code, 3);
  expect_one_line(missing.err, {path("none").string()});
}

TEST_F(CliResults, FormsSaysWhatTheComposedFormLoses) {
  const Outcome outcome =
      run({"forms", "--format", "fp16", "--beta", "1,1000", "--json", "--csv", path("forms.csv").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json losses = json::parse(outcome.out);
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0]["exact_share"], 1);
  EXPECT_TRUE(losses[0]["not_finite_from"].is_null());
  EXPECT_LT(losses[1]["bits_median"], 4);
  EXPECT_EQ(losses[1]["not_finite_from"], 65.5625);
  EXPECT_TRUE(read(path("forms.csv")).starts_with("format,beta,exponent,"));
  EXPECT_EQ(run({"forms", "--format", "fp12"}).exit_code, 2);
  EXPECT_EQ(run({"forms", "--beta", "x"}).exit_code, 2);
}

TEST_F(CliResults, BenchReportsItsTimes) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"bench", "step", "--net", "mlp:1x8", "--repeats", "3", "--json"},
        {"bench", "reference", "--net", "mlp:1x8", "--repeats", "3", "--json"}}) {
    SCOPED_TRACE(command[1]);
    const Outcome outcome = run(command);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    const json times = json::parse(outcome.out);
    EXPECT_EQ(times["bench"], command[1]);
    EXPECT_EQ(times["repeats"], 3);
    EXPECT_GT(times["minimum_s"], 0);
    EXPECT_LE(times["minimum_s"], times["median_s"]);
    EXPECT_LE(times["median_s"], times["maximum_s"]);
  }
}

}  // namespace
}  // namespace gradzone::test
