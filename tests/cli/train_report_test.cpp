// What gradzone report makes of a training, with and without published curves.
#include <nlohmann/json.hpp>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

using nlohmann::json;

const Bytes header =
    "network,optimiser,bits,beta,epoch,test_accuracy_mean,test_accuracy_sd,test_accuracy_min,test_accuracy_"
    "max,runs\n";

class CliTrainReport : public CliTest {
 protected:
  /// Two configurations of two runs and epochs on glyphs.
  Outcome train(const Options& changes = {}) const {
    Options options{{"--net", "lenet5"}, {"--data", "glyphs:90"}, {"--batch", "20"},        {"--epochs", "2"},
                    {"--lr", "0.05"},    {"--format", "fp32"},    {"--beta", "0,10"},       {"--runs", "2"},
                    {"--threads", "2"},  {"--quiet", ""},         {"--out", out().string()}};
    for (const auto& [name, value] : changes) options[name] = value;
    return run(command_line("train", options));
  }
  Bytes page() const { return read(out() / "report.html"); }
};

TEST_F(CliTrainReport, WritesAPageAndTheSummary) {
  ASSERT_EQ(train({{"--audit-every", "4"}}).exit_code, 0);
  const Contents before = contents_of(out());
  const Outcome outcome = run({"report", out().string(), "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out, before.at("summary.json"));
  EXPECT_NE(page().find("</html>"), std::string::npos);
  EXPECT_NE(page().find("Best: fp32 direct"), std::string::npos);
  Contents after = contents_of(out());
  after.erase("report.html");
  expect_same(after, before);
}

TEST_F(CliTrainReport, ATrainingUnderWayIsShownAsFarAsItIs) {
  ASSERT_EQ(train({{"--stop-after", "1"}}).exit_code, 0);
  fs::remove(out() / "summary.json");
  fs::remove(out() / "times.csv");
  const Outcome outcome = run({"report", out().string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("1 epochs, 2 runs"), std::string::npos) << outcome.out;
  EXPECT_NE(page().find("after 1 epoch (mean of 2 runs"), std::string::npos);
}

TEST_F(CliTrainReport, ComparesWithPublishedCurves) {
  ASSERT_EQ(train().exit_code, 0);
  write(path("wide.csv"), header + "lenet5,sgd,32,0,1,0.5,0.25,0,1,10\nlenet5,sgd,32,0,2,0.5,0.25,0,1,10\n");
  const Outcome text = run({"report", out().string(), "--published", path("wide.csv").string()});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("2 of 2 epochs inside the published band"), std::string::npos) << text.out;
  const Bytes table = read(out() / "published.csv");
  EXPECT_EQ(table.substr(0, table.find('\n')),
            "format,form,beta,epochs,epochs_inside,share_inside,last_epoch,test_accuracy_published,test_"
            "accuracy,verdict");
  EXPECT_NE(table.find("\nfp32,direct,0,2,2,1,2,0.5,"), std::string::npos) << table;
  EXPECT_NE(table.find("\nfp32,direct,10,,,,,,,not published\n"), std::string::npos) << table;
  EXPECT_NE(page().find("Beside the published curves, of 2 configurations"), std::string::npos);
  const Outcome outcome = run({"report", out().string(), "--published", path("wide.csv").string(), "--json"});
  const json published = json::parse(outcome.out)["published"];
  ASSERT_EQ(published.size(), 2u);
  EXPECT_EQ(published[0]["epochs_inside"], 2);
  EXPECT_EQ(published[1]["verdict"], "not published");
}

TEST_F(CliTrainReport, ABadPublishedFileIsRefusedAndNothingIsWritten) {
  ASSERT_EQ(train().exit_code, 0);
  const Contents before = contents_of(out());
  const std::vector<std::pair<Bytes, std::string>> bad{
      {"", "empty"},
      {"\x01\x02 no table", "no column 'network'"},
      {header, "no curve"},
      {header + "lenet5,sgd,32,0,1,99.2,0.1,99,99.4,10\n", "line 2, column \"test_accuracy_mean\""}};
  for (const auto& [bytes, what] : bad) {
    SCOPED_TRACE(what);
    write(path("bad.csv"), bytes);
    const Outcome outcome = run({"report", out().string(), "--published", path("bad.csv").string()});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_EQ(outcome.out, "");
    expect_one_line(outcome.err, {path("bad.csv").string(), what});
  }
  const Outcome missing = run({"report", out().string(), "--published", path("none").string()});
  EXPECT_EQ(missing.exit_code, 3);
  expect_one_line(missing.err, {path("none").string()});
  expect_same(contents_of(out()), before);
}

TEST_F(CliTrainReport, PublishedCurvesAreForTrainings) {
  ASSERT_EQ(audit().exit_code, 0);
  write(path("p.csv"), header + "lenet5,sgd,32,0,1,0.5,0.25,0,1,10\n");
  const Contents before = contents_of(out());
  const Outcome outcome = run({"report", out().string(), "--published", path("p.csv").string()});
  EXPECT_EQ(outcome.exit_code, 2);
  expect_one_line(outcome.err, {"--published", out().string()});
  expect_same(contents_of(out()), before);
}

TEST_F(CliTrainReport, DamagedFilesAreNamed) {
  ASSERT_EQ(train({{"--audit-every", "4"}}).exit_code, 0);
  const Contents whole = contents_of(out());
  const auto expect_refusal = [&](const std::string& name, const Bytes& bytes, const std::string& what) {
    SCOPED_TRACE(name);
    write(out() / name, bytes);
    const Contents before = contents_of(out());
    const Outcome outcome = run({"report", out().string()});
    EXPECT_EQ(outcome.exit_code, 3);
    expect_one_line(outcome.err, {name, what});
    expect_same(contents_of(out()), before);
    write(out() / name, whole.at(name));
  };
  for (const char* name : {"training.json", "trace.csv", "zones.csv", "times.csv", "summary.json"}) {
    expect_refusal(name, "\x01\x02 neither CSV nor JSON {", "");
    expect_refusal(name, "", "");
  }
  expect_refusal("training.json", "{\"network\": 5}", "not the configuration of a training");
  expect_refusal("summary.json", "{\"units\": [{\"first_non_finite\": 3}]}", "not the summary of a training");
  const Bytes trace = whole.at("trace.csv");
  const std::size_t second = trace.find('\n') + 1;
  expect_refusal("trace.csv", trace + trace.substr(second), "follow");  // every row twice
  expect_refusal("trace.csv", Bytes(trace).erase(second, trace.find('\n', second) + 1 - second), "epoch 2");
  write(out() / "trace.csv", trace.substr(0, second));
  const Outcome empty = run({"report", out().string()});
  EXPECT_EQ(empty.exit_code, 3);
  expect_one_line(empty.err, {out().string(), "no finished epoch"});
}

}  // namespace
}  // namespace gradzone::test
