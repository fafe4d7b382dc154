// Ties from outside: tables and page, the same bytes for every number of threads, refused with a reason.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/cli_test.hpp"
#include "gradzone/io/csv.hpp"

namespace gradzone::test {
namespace {

class CliTies : public CliTest {
 protected:
  Options options(const Options& changes = {}) const {
    Options all{{"--data", "glyphs:20"}, {"--samples", "0,7"},      {"--format", "fp32,fp16,bf16"},
                {"--net", "lenet5"},     {"--out", out().string()}, {"--quiet", ""}};
    for (const auto& [name, value] : changes) all[name] = value;
    std::erase_if(all, [](const auto& option) { return option.second == absent; });
    return all;
  }
  Outcome ties(const Options& changes = {}) const { return run(command_line("ties", options(changes))); }

  void expect_tie_refused(const Options& changes, int code, const std::vector<std::string>& named) const {
    const Outcome outcome = ties(changes);
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    expect_one_line(outcome.err, named);
    EXPECT_FALSE(fs::exists(out()));
  }
};

TEST_F(CliTies, WritesTablesAndAPage) {
  const Outcome outcome = ties({{"--quiet", absent}});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 7);  // six points, and where to look
  for (const char* part : {"Image 0 (label ", "Image 7 (label ", " in bf16: ", " windows tie: ", "Zone "}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << " in " << outcome.out;
  }
  std::set<std::string> files;
  for (const auto& [name, bytes] : contents_of(out())) files.insert(name);
  EXPECT_EQ(files, (std::set<std::string>{"layers.csv", "ties.csv", "ties.html", "ties.json"}));
  const auto json = nlohmann::json::parse(read(out() / "ties.json"));
  EXPECT_EQ(json["points"].size(), 6u);
  EXPECT_EQ(json["points"][0]["layers"].size(), 2u);
}

TEST_F(CliTies, RowsAreAsManyAsTheLayersCount) {
  ASSERT_EQ(ties().exit_code, 0);
  std::map<std::string, Index> rows;
  const std::string ties_text = read(out() / "ties.csv"), layers_text = read(out() / "layers.csv");
  CsvReader ties_table(ties_text, "ties.csv");
  const auto key = [](CsvReader& table) {
    return table.text(table.column("sample")) + " " + table.text(table.column("format")) + " " +
           table.text(table.column("layer"));
  };
  while (ties_table.next_row()) ++rows[key(ties_table)];
  CsvReader layers(layers_text, "layers.csv");
  Index read_layers = 0, all = 0;
  while (layers.next_row()) {
    ++read_layers;
    Index sum = 0;
    for (const char* column : {"real_ties", "false_ties", "lost_ties", "undecided"})
      sum += layers.integer(layers.column(column));
    EXPECT_EQ(sum, rows[key(layers)]) << key(layers);
    all += sum;
  }
  EXPECT_EQ(read_layers, 12);
  EXPECT_GT(all, 1000);
}

TEST_F(CliTies, CountsAgreeWithAnAuditOfTheSameImages) {
  ASSERT_EQ(ties({{"--samples", "0,1"}, {"--seed", "4"}}).exit_code, 0);
  const Outcome audited = audit({{"--model", "lenet5:init=torch"},
                                 {"--seed", "4"},
                                 {"--format", "fp32,fp16,bf16"},
                                 {"--out", path("audit").string()}});
  ASSERT_EQ(audited.exit_code, 0) << audited.err;
  const std::string layers_text = read(out() / "layers.csv"),
                    branches_text = read(path("audit") / "branches.csv");
  using Key = std::vector<std::string>;
  const std::vector<std::string> counts{
      "windows",           "false_ties",          "lost_ties",          "float_ties_positive",
      "float_ties_zero",   "float_ties_negative", "real_ties_positive", "real_ties_zero",
      "real_ties_negative"};
  const auto table = [&](const std::string& text, const char* image) {
    std::map<Key, std::vector<Index>> out;
    CsvReader rows(text, image);
    while (rows.next_row()) {
      if (rows.text(rows.column("op")) != "max_pool2d") continue;
      auto& row = out[{rows.text(rows.column(image)), rows.text(rows.column("format")),
                       rows.text(rows.column("layer"))}];
      for (const std::string& column : counts) row.push_back(rows.integer(rows.column(column)));
    }
    return out;
  };
  const auto ours = table(layers_text, "sample");
  EXPECT_EQ(ours.size(), 12u);
  EXPECT_EQ(ours, table(branches_text, "point"));
}

TEST_F(CliTies, ThreadsChangeNoByte) {
  ASSERT_EQ(ties({{"--threads", "1"}, {"--out", path("one").string()}}).exit_code, 0);
  ASSERT_EQ(ties({{"--threads", "2"}}).exit_code, 0);
  expect_same(contents_of(out()), contents_of(path("one")));
}

TEST_F(CliTies, ACheckpointAndOneLayerWillDo) {
  const Outcome outcome = ties({{"--net", absent},
                                {"--model", model("lenet5")},
                                {"--sample", "3"},
                                {"--samples", absent},
                                {"--layer", "features.6"},
                                {"--json", ""}});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(json["points"][0]["layers"].size(), 1u);
  EXPECT_EQ(json["points"][0]["layers"][0]["layer"], "features.6");
  EXPECT_EQ(json["points"][0]["sample"], 3);
}

TEST_F(CliTies, NonsenseIsRefused) {
  expect_tie_refused({{"--samples", "20"}}, 2, {"--samples 20", "20 images", "0 to 19"});
  expect_tie_refused({{"--samples", "-1"}}, 2, {"--samples -1"});
  expect_tie_refused({{"--samples", "1,"}}, 2, {"--samples 1,"});
  expect_tie_refused({{"--samples", "99999999999999999999"}}, 2, {"--samples"});
  expect_tie_refused({{"--samples", "3,3"}}, 2, {"3", "twice"});
  expect_tie_refused({{"--layer", "features.9"}}, 2, {"features.9", "features.2", "features.6"});
  expect_tie_refused({{"--net", "mlp:1x8"}}, 2, {"mlp", "max pool"});
  expect_tie_refused({{"--net", absent}}, 2, {"--model", "--net"});
  expect_tie_refused({{"--model", model("lenet5")}}, 2, {"--model", "--net"});
  expect_tie_refused({{"--init", "best"}}, 2, {"best", "kaiming0"});
  expect_tie_refused({{"--choices", "native"}}, 2, {"at least two"});
  expect_tie_refused({{"--data", "glyphs32:20"}}, 3, {"lenet5"});
  expect_tie_refused({{"--net", absent}, {"--model", "lenet5:" + path("none").string()}}, 3, {"none"});
  std::string many = "0";
  for (int i = 1; i <= 100; ++i) many += "," + std::to_string(i);
  expect_tie_refused({{"--data", "glyphs:200"}, {"--samples", many}}, 2, {"101", "100"});
}

}  // namespace
}  // namespace gradzone::test
