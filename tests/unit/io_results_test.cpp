#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/io/json.hpp"
#include "gradzone/io/results.hpp"
#include "gradzone/io/store.hpp"
#include "gradzone/zones/census.hpp"
#include "support/made_up_results.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;
using tests::made_up_point;

const std::string configuration =
    R"({"formats":["fp32/chain","fp16/chain"],"samples":20,"seed":1,"command":"gradzone audit --samples 20",)"
    R"("versions":{"gradzone":"0.1.0","mpfr":"4.2.0"}})";

AuditResults sample_results() {
  AuditResults results{configuration, {}};
  for (const char* format : {"fp32/chain", "fp16/chain"}) {
    for (Index i = 0; i < 20; ++i) results.points.push_back(made_up_point(i, format));
  }
  results.points[3].point.witness = "a \"quoted\" name,\nin two lines";
  results.points[4].point.stat_inf = std::numeric_limits<double>::quiet_NaN();
  return results;
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "no error";
  return {};
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

class Results : public testing::Test {
 protected:
  Results() {
    std::string pattern = (fs::temp_directory_path() / "gradzone-results-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder = pattern;
  }
  ~Results() override { fs::remove_all(folder); }

  void replace_in(const char* file, const std::string& from, const std::string& to) const {
    std::string text = content(folder / file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    std::ofstream(folder / file, std::ios::trunc | std::ios::binary) << text.replace(at, from.size(), to);
  }

  fs::path folder;
};

TEST_F(Results, HaveTheColumnsOfTheContractFirst) {
  const AuditResults results = sample_results();
  EXPECT_EQ(first_line(points_csv(results)),
            "point,first,batch,format,form,choices,zone,cause,cause_layer,proof,witness,delta_real_lower,"
            "delta_real_upper,delta_float_inf,delta_float_l1,stat_inf,stat_l1,bits_used,float_sees,label,"
            "predicted,branches_filter,branches_structure,branches_multiword,branches_residue,branches_exact,"
            "branches_mpfr,branches_undecided");
  EXPECT_EQ(
      first_line(branches_csv(results)),
      "point,layer,op,windows,real_ties_positive,real_ties_zero,float_ties_positive,float_ties_zero,"
      "false_ties,lost_ties,real_zeros,float_zeros,format,real_ties_negative,float_ties_negative,unknown");
  EXPECT_EQ(first_line(gradients_csv(results)),
            "point,format,choice,tensor,entries,unquoted,relative_error_max,relative_error_median,ulp_error_"
            "max,bits_median,"
            "bits_worst_1_percent,wrong_sign_share,flushed_share,overflow_share,angle");
}

TEST_F(Results, WriteOneRowAPoint) {
  PointResult point = made_up_point(1, "fp32/chain");
  point.point.delta_real_lower = 0.5;
  point.point.delta_real_upper = 0.75;
  point.point.delta_float_inf = std::numeric_limits<double>::infinity();
  point.point.delta_float_l1 = std::numeric_limits<double>::quiet_NaN();
  point.point.stat_inf = 1e-7;
  point.point.stat_l1 = 0;
  const std::string text = points_csv({configuration, {point}});
  EXPECT_EQ(text.substr(text.find('\n') + 1),
            "1,1,1,fp32/"
            "chain,direct,\"native,minimal\",bifurcation,,,enclosure,features.0.weight[12],0.5,0.75,inf,,"
            "1e-07,0,128,true,1,1,0,0,0,0,0,0,0\n");
}

TEST_F(Results, AreTheSameBytesWhateverTheOrderInWhichPointsWerePut) {
  const AuditResults results = sample_results();
  std::vector<std::string> first;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const fs::path out = folder / std::to_string(seed);
    RandomStream random(seed, "order");
    {
      ResultStore store = ResultStore::open(out, configuration);
      for (const Index i : random_permutation(static_cast<Index>(results.points.size()), random)) {
        PointResult point = results.points[static_cast<std::size_t>(i)];
        point.seconds = random.uniform();
        store.put(point);
        if (i % 7 == 0) {  // interrupted and continued
          store = ResultStore::open_existing(out);
          store = ResultStore::open(out, configuration);
        }
      }
    }
    export_results(out, load_results(out), {.wall_seconds = static_cast<double>(seed), .points_audited = 40});
    std::vector<std::string> files;
    for (const char* file : {"points.csv", "branches.csv", "gradients.csv", "summary.json"}) {
      files.push_back(content(out / file));
      EXPECT_FALSE(files.back().empty()) << file;
    }
    if (first.empty()) first = files;
    EXPECT_EQ(files, first) << "seed " << seed;
  }
  EXPECT_EQ(first[0], points_csv(results));
}

TEST_F(Results, AreReadBackFromTheFilesOfACommittedStudy) {
  const AuditResults results = sample_results();
  export_results(folder, results, {});
  const AuditResults back = load_results(folder);
  EXPECT_EQ(points_csv(back), points_csv(results));
  EXPECT_EQ(branches_csv(back), branches_csv(results));
  EXPECT_EQ(gradients_csv(back), gradients_csv(results));
  EXPECT_EQ(summary_json(back), summary_json(results));
  EXPECT_EQ(parse_json(back.configuration, "back"), parse_json(configuration, "given"));
  ASSERT_EQ(back.points.size(), 40u);
  EXPECT_EQ(back.points[3].point.witness, results.points[3].point.witness);
  EXPECT_TRUE(std::isnan(back.points[4].point.stat_inf));
  EXPECT_EQ(back.points[7].point.delta_float_inf, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(back.points[0].ties.empty());
  EXPECT_EQ(back.points[0].gradients.size(), 4u);
}

TEST_F(Results, PreferTheStoreToTheFiles) {
  export_results(folder, sample_results(), {});
  { ResultStore::open(folder, configuration).put(made_up_point(0, "fp32/chain")); }
  EXPECT_EQ(load_results(folder).points.size(), 1u);
}

TEST_F(Results, SummariseAllPointsAndEachFormat) {
  const AuditResults results = sample_results();
  const Json summary = parse_json(summary_json(results), "summary");
  EXPECT_EQ(summary["points"], 40);
  EXPECT_EQ(summary["seed"], 1);
  EXPECT_EQ(summary["command"], "gradzone audit --samples 20");
  EXPECT_EQ(summary["versions"]["mpfr"], "4.2.0");
  EXPECT_EQ(summary["configuration"], parse_json(configuration, "given"));
  // Points 0, 8, 16 of each format are regular, 1, 9, 17 bifurcation, 2, 10, 18 undecided.
  for (const auto& [json, points] :
       {std::pair{summary, 40}, std::pair{summary["formats"]["fp16/chain"], 20}}) {
    const int formats = points / 20;
    EXPECT_EQ(json["points"], points);
    EXPECT_EQ(json["zones"]["regular"]["count"], 3 * formats);
    EXPECT_EQ(json["zones"]["bifurcation"]["count"], 3 * formats);
    EXPECT_EQ(json["zones"]["undecided"]["count"], 3 * formats);
    EXPECT_EQ(json["zones"]["compensation"]["count"], 11 * formats);
    EXPECT_EQ(json["zones"]["compensation"]["share"], 0.55);
    const Interval ci = clopper_pearson_95(11 * formats, points);
    EXPECT_EQ(json["zones"]["compensation"]["ci95"], Json({ci.low, ci.high}));
    EXPECT_EQ(json["causes"]["rounding"], 3 * formats);
    EXPECT_EQ(json["causes"]["non-finite"], 2 * formats);
    EXPECT_EQ(json["cause_layers"]["rounding"]["features.2"], 3 * formats);
    EXPECT_EQ(json["proofs"]["structure"], 11 * formats);
    EXPECT_EQ(json["bifurcations"]["float_sees"], 3 * formats);
    EXPECT_EQ(json["bifurcations"]["float_hides"], 0);
  }
  EXPECT_EQ(summary["formats"].size(), 2u);
  EXPECT_EQ(summary["formats"].begin().key(), "fp32/chain");
}

TEST_F(Results, CompareThresholdsWithProofsInEachFormat) {
  const Json summary = parse_json(summary_json(sample_results()), "summary");
  const Json& thresholds = summary["thresholds"]["fp32/chain"];
  ASSERT_EQ(thresholds.size(), 3u);
  EXPECT_EQ(thresholds[0]["statistic"], "stat_inf");
  EXPECT_EQ(thresholds[0]["tau"], 1e-7);
  EXPECT_EQ(thresholds[1]["tau"], 1e-6);
  EXPECT_EQ(thresholds[2]["statistic"], "stat_l1");
  EXPECT_TRUE(says(thresholds[2]["source"], "largest value"));
  const Json& confusion = summary["confusion"]["fp32/chain"];
  ASSERT_EQ(confusion.size(), 3u);
  for (const Json& matrix : confusion) {
    int points = 0;
    for (const Zone zone : all_zones) {
      const int above = matrix["above"][name(zone)], not_above = matrix["not_above"][name(zone)];
      EXPECT_EQ(above + not_above, summary["formats"]["fp32/chain"]["zones"][name(zone)]["count"]);
      points += above + not_above;
    }
    EXPECT_EQ(points, 20);
    EXPECT_EQ(matrix["above"]["regular"], 0);
  }
  // Above the largest finite value there are only the points that are not finite.
  EXPECT_EQ(confusion[2]["above"]["compensation"], 2);
  EXPECT_EQ(confusion[2]["above"]["bifurcation"], 0);
  EXPECT_EQ(summary["formats"]["fp32/chain"]["confusion"], confusion);
  EXPECT_EQ(summary["thresholds"]["fp16/chain"][0]["tau"], 1e-3);
}

TEST_F(Results, SummariseAFormatThatHasNoPointsYet) {
  AuditResults results = sample_results();
  results.points.resize(20);
  const Json summary = parse_json(summary_json(results), "summary");
  EXPECT_EQ(summary["formats"]["fp16/chain"]["points"], 0);
  EXPECT_EQ(summary["formats"]["fp16/chain"]["zones"]["regular"]["ci95"], Json({0.0, 1.0}));
  EXPECT_TRUE(summary["confusion"]["fp16/chain"].empty());
}

TEST_F(Results, KeepTimesInTimingJsonAlone) {
  AuditResults results = sample_results();
  const std::string summary = summary_json(results), points = points_csv(results);
  for (PointResult& point : results.points) point.seconds = 0.25;
  EXPECT_EQ(summary_json(results), summary);
  EXPECT_EQ(points_csv(results), points);
  const Json timing =
      parse_json(timing_json(results, {.wall_seconds = 4, .points_audited = 10, .threads = 2}), "t");
  EXPECT_EQ(timing["run"]["points_per_second"], 2.5);
  EXPECT_EQ(timing["run"]["threads"], 2);
  EXPECT_EQ(timing["total"]["points"], 40);
  EXPECT_EQ(timing["total"]["seconds"], 10.0);
  EXPECT_EQ(timing["points"][21]["format"], "fp16/chain");
  EXPECT_EQ(timing["points"][21]["point"], 1);
  EXPECT_EQ(timing["points"][21]["seconds"], 0.25);
}

TEST_F(Results, AreRefusedWithFileAndLineWhenAFileIsNotWhatItShouldBe) {
  const struct {
    const char *file, *from, *to, *message;
  } damages[] = {
      {"points.csv", "\n1,1,1,", "\n1,one,1,",
       "points.csv: line 3, column \"first\": \"one\" is not a whole number"},
      {"points.csv", ",regular,", ",fine,", "line 2, column \"zone\": \"fine\" is not a zone"},
      {"points.csv", "fp16/chain", "fp8/chain",
       "in the format \"fp8/chain\", which is not among the audit's"},
      {"points.csv", "\n1,1,1,", "\n0,1,1,", "point 0 in fp32/chain is there twice"},
      {"points.csv", ",zone,", ",Zone,", "points.csv: there is no column 'zone'"},
      {"points.csv", ",128,true", ",5000000000,true", "column \"bits_used\": \"5000000000\" is too large"},
      {"points.csv", ",128,true", ",128,yes", "is neither true nor false"},
      {"branches.csv", "\n1,", "\n99,", "point 99 in \"fp32/chain\", which is missing"},
      {"branches.csv", "max_pool2d,864", "max_pool2d",
       "branches.csv: line 2: 15 cells, but the header has 16"},
      {"gradients.csv", "20.5", "20.5x", "gradients.csv: line"},
      {"summary.json", "\"points\"", "points", "summary.json: not valid JSON"},
      {"summary.json", "\"configuration\"", "\"konfiguration\"",
       "summary.json: the audit's configuration lacks"},
  };
  for (const auto& [file, from, to, message] : damages) {
    export_results(folder, sample_results(), {});
    replace_in(file, from, to);
    const std::string refused = refusal([&] { load_results(folder); });
    EXPECT_TRUE(says(refused, message)) << refused;
  }
  export_results(folder, sample_results(), {});
  fs::remove(folder / "branches.csv");
  EXPECT_TRUE(says(refusal([&] { load_results(folder); }), "branches.csv: cannot open"));
}

TEST_F(Results, CannotBeWrittenWhereThereIsNoFolder) {
  EXPECT_TRUE(says(refusal([&] { export_results(folder / "none", sample_results(), {}); }), "cannot write"));
}

TEST(Json, IsReadWithLimits) {
  EXPECT_EQ(parse_json(R"({"a":[1,2,{"b":null}],"a":3})", "j"), Json({{"a", 3}}));
  EXPECT_EQ(parse_json(R"(["[[[\"{{{\\"])", "j"), Json({"[[[\"{{{\\"}));
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NO_THROW(parse_json(nested(largest_json_depth), "j"));
  EXPECT_TRUE(
      says(refusal([&] { parse_json(nested(largest_json_depth + 1), "j"); }), "j: nested more than 64 deep"));
  EXPECT_TRUE(says(refusal([&] { parse_json(std::string(1'000'000, '['), "j"); }), "nested"));
  EXPECT_TRUE(says(refusal([&] { parse_json(std::string(largest_json_file + 1, ' '), "j"); }), "bytes"));
  for (const char* text : {"", "{", "[1,]", "1e999", "\"\xFF\"", "{\"a\":1} x", "nan", "'a'", "// a\n1"}) {
    EXPECT_TRUE(says(refusal([&] { parse_json(text, "j"); }), "j: not valid JSON")) << text;
  }
}

TEST(Json, IsWrittenForPeopleEvenWithBytesThatAreNotText) {
  EXPECT_EQ(write_json({{"path", "a\xFF"}, {"x", 0.1}}), "{\n  \"path\": \"a\uFFFD\",\n  \"x\": 0.1\n}\n");
}

}  // namespace
}  // namespace gradzone
