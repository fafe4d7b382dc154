#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/report/escape.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/zones/census.hpp"
#include "support/made_up_results.hpp"
#include "support/made_up_training.hpp"
#include "support/page_parts.hpp"

namespace gradzone {
namespace {

using tests::between;
using tests::count;
using tests::data_of;
using tests::made_up_point;
using tests::made_up_published;
using tests::made_up_results;
using tests::made_up_training;

TEST(ReportHtml, HeadlineCountsZonesAndNamesTheCause) {
  AuditResults results = made_up_results(0, {});
  results.points = {made_up_point(0, "fp32/chain"), made_up_point(3, "fp32/chain"),
                    made_up_point(3, "fp32/chain")};
  const std::string page = render_report(results);
  EXPECT_EQ(between(page, "<p class=\"headline\">", "</p>"),
            "Of 3 samples in fp32, 2 are compensation (cause: rounding, first at features.2), 1 is regular, "
            "none is a "
            "bifurcation, none undecided.");
  EXPECT_NE(
      between(page, "<p class=\"meaning\">", "</p>").find("the same gradient at every point, with proof"),
      std::string::npos);
}

TEST(ReportHtml, HeadlineNeverHidesBifurcationsOrDoubt) {
  AuditResults results = made_up_results(0, {});
  results.points = {made_up_point(1, "bf16/pairwise"), made_up_point(2, "bf16/pairwise")};
  const std::string page = render_report(results);
  EXPECT_EQ(between(page, "<p class=\"headline\">", "</p>"),
            "Of 2 samples in bf16/pairwise, 1 is a bifurcation, 1 is undecided.");
  const std::string meaning = between(page, "<p class=\"meaning\">", "</p>");
  EXPECT_NE(meaning.find("At 1 point the compared choices give different gradients"), std::string::npos);
  EXPECT_NE(meaning.find("No proof was found at 1 point"), std::string::npos);
}

TEST(ReportHtml, AdviceFollowsFromZonesAndCauses) {
  AuditResults results = made_up_results(0, {});
  results.points = {made_up_point(0, "fp32/chain")};
  const auto advice = [&] { return between(render_report(results), "<ul class=\"advice\">", "</ul>"); };
  EXPECT_NE(advice().find("Nothing: at every proven point the choices agree"), std::string::npos) << advice();
  results.points = {made_up_point(3, "fp32/chain"), made_up_point(2, "fp32/chain"),
                    made_up_point(6, "fp16/chain", "features.5"), made_up_point(6, "fp16/chain")};
  results.points.push_back(results.points.back());
  EXPECT_EQ(count(advice(), "<li>"), 3u);
  EXPECT_NE(advice().find("Undecided points (fp32): no proof was found"), std::string::npos);
  EXPECT_NE(advice().find("Rounding (fp32 at features.2): floats and reals take the same branches"),
            std::string::npos);
  EXPECT_NE(advice().find("Cancellation (fp16 mostly at features.2): "), std::string::npos) << advice();
  EXPECT_EQ(advice().find("Bifurcations"), std::string::npos);
  results.points.clear();
  EXPECT_EQ(advice(), "") << "nothing follows from nothing";
}

TEST(ReportHtml, ZoneSharesAndIntervalsAreTheCensus) {
  const nlohmann::json data = data_of(render_report(made_up_results(80, {"fp32/chain"})));
  const nlohmann::json& zone = data["zones"]["fp32/chain"]["bifurcation"];
  const Interval interval = clopper_pearson_95(10, 80);
  EXPECT_EQ(zone["count"], 10);
  EXPECT_EQ(zone["share"], 0.125);
  EXPECT_EQ(zone["low"], interval.low);
  EXPECT_EQ(zone["high"], interval.high);
}

TEST(ReportHtml, ConfusionMatricesCountEveryPointOnce) {
  const nlohmann::json data = data_of(render_report(made_up_results(80, {"fp32/chain"})));
  std::size_t rules = 0;
  for (const auto& rule : data["thresholds"]["fp32/chain"]) {
    if (rule["tau"].is_null()) continue;
    Index points = 0;
    for (const char* side : {"above", "below"}) {
      for (const auto& [zone, n] : rule["matrix"][side].items()) points += n.get<Index>();
    }
    EXPECT_EQ(points, 80);
    ++rules;
  }
  EXPECT_EQ(rules, 3u);  // 1e-7, 1e-6 and the estimated one
}

TEST(ReportHtml, DecadesPutAPowerOfTenInItsOwnDecade) {
  AuditResults results = made_up_results(0, {});
  for (const double statistic : {1e-7, 9.9e-8, 0.0}) {
    PointResult point = made_up_point(3, "fp32/chain");
    point.point.stat_inf = statistic;
    results.points.push_back(point);
  }
  const nlohmann::json data = data_of(render_report(results));
  std::vector<nlohmann::json> decades;
  for (const auto& bin : data["statistics"]["fp32/chain"]["inf"]) decades.push_back(bin["decade"]);
  EXPECT_EQ(decades, (std::vector<nlohmann::json>{"zero", -8, -7}));
}

TEST(ReportHtml, WorstPointsStartWithBifurcationsThenDoubtThenTheLargestDifference) {
  const nlohmann::json data = data_of(render_report(made_up_results(24, {"fp32/chain"})));
  std::vector<std::string> zones;
  for (const auto& point : data["worst"]["fp32/chain"]) zones.push_back(point["zone"]);
  ASSERT_EQ(zones.size(), 12u);
  EXPECT_EQ(std::vector<std::string>(zones.begin(), zones.begin() + 7),
            (std::vector<std::string>{"bifurcation", "bifurcation", "bifurcation", "undecided", "undecided",
                                      "undecided", "compensation"}));
  EXPECT_EQ(data["worst"]["fp32/chain"][6]["delta_float_inf"], "inf");
}

TEST(ReportHtml, TiesOfSeveralChannelsAtOnePlaceAreOneMark) {
  AuditResults results = made_up_results(0, {});
  results.points = {made_up_point(3, "fp32/chain")};
  TieWindow other = results.points[0].ties[0];
  other.channel = 5;
  results.points[0].ties.push_back(other);
  const nlohmann::json marks = data_of(render_report(results))["worst"]["fp32/chain"][0]["marks"];
  ASSERT_EQ(marks.size(), 3u);
  EXPECT_EQ(marks[0], nlohmann::json::parse("[0, 0, 1, 1, 3, 3, 2]"));
}

TEST(ReportHtml, HarmlessTiesAtZeroAreNotDrawn) {
  AuditResults results = made_up_results(0, {});
  results.points = {made_up_point(3, "fp32/chain")};
  for (TieWindow& tie : results.points[0].ties) tie.positive = false;
  const nlohmann::json marks = data_of(render_report(results))["worst"]["fp32/chain"][0]["marks"];
  ASSERT_EQ(marks.size(), 2u);  // the false and the lost tie
  EXPECT_EQ(marks[0][1], 1);
  EXPECT_EQ(marks[1][1], 2);
}

TEST(ReportHtml, MiniBatchesAreCalledSo) {
  AuditResults results = made_up_results(0, {});
  results.points = {made_up_point(0, "fp16/chain"), made_up_point(8, "fp16/chain")};
  for (PointResult& result : results.points) result.point.batch = 32;
  EXPECT_EQ(between(render_report(results), "<p class=\"headline\">", "</p>"),
            "Of 2 mini-batches of 32 in fp16, 2 are regular, none is a bifurcation, none undecided.");
}

TEST(ReportHtml, LargePicturesAreAveragedDown) {
  AuditResults results = made_up_results(0, {});
  results.points = {made_up_point(3, "fp32/chain")};
  results.points[0].image = {3, 224, 200, std::vector<std::uint8_t>(3 * 224 * 200, 7)};
  const nlohmann::json image = data_of(render_report(results))["worst"]["fp32/chain"][0]["image"];
  EXPECT_EQ(image["height"], 74);
  EXPECT_EQ(image["width"], 66);
  EXPECT_EQ(image["original_width"], 200);
  EXPECT_EQ(image["pixels"].get<std::string>().size(), (3u * 74 * 66 + 2) / 3 * 4);
}

TEST(ReportHtml, HostileNamesStayText) {
  const std::string hostile =
      "</script><script>alert(1)</script><img src=x onerror=alert(2)>\xE2\x80\xA8\"'&";
  AuditResults results = made_up_results(16, {"fp32/chain"}, hostile);
  nlohmann::json configuration = nlohmann::json::parse(results.configuration);
  configuration["model"] = hostile;
  configuration["command"] = hostile;
  results.configuration = configuration.dump();
  const std::string page = render_report(results);
  EXPECT_EQ(count(page, "alert("), count(page, "alert(1)") + count(page, "alert(2)"));
  EXPECT_EQ(count(page, "<script"), 3u);
  EXPECT_EQ(count(page, "</script>"), 3u);
  EXPECT_EQ(count(page, "<img"), 0u);
  const nlohmann::json data = data_of(page);
  EXPECT_EQ(data["branches"]["fp32/chain"][0]["layer"], hostile);
  EXPECT_EQ(data["provenance"][0], (nlohmann::json{"command", hostile}));
}

TEST(ReportHtml, BrokenUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(escape_html("a\xFF\xC3\xA9\xED\xA0\x80"),
            "a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  AuditResults results = made_up_results(0, {});
  results.points = {made_up_point(3, "fp32/chain", "layer\xFF")};
  EXPECT_EQ(data_of(render_report(results))["branches"]["fp32/chain"][0]["layer"], "layer\xEF\xBF\xBD");
}

TEST(ReportHtml, ScriptEscapesMeanTheSameJson) {
  const nlohmann::json value = "<!-- </script> & \xE2\x80\xA8\xE2\x80\xA9 \\ \"";
  const std::string escaped = escape_script(value.dump());
  EXPECT_EQ(escaped.find_first_of("<>&"), std::string::npos);
  EXPECT_EQ(escaped.find("\xE2\x80"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(escaped), value);
}

TEST(ReportHtml, Base64MatchesTheRfcsVectors) {
  const auto encode = [](const std::string& text) {
    return base64(std::vector<std::uint8_t>(text.begin(), text.end()));
  };
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foo"), "Zm9v");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode("\xFF\xFE\xFD"), "//79");
}

TEST(ReportHtml, LoadsNothingFromElsewhere) {
  const std::string page = render_report(made_up_results(16, {"fp32/chain", "fp16/chain"}));
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  for (const char* loader : {" src=", " href=", "@import", "url("})
    EXPECT_EQ(count(page, loader), 0u) << loader;
  EXPECT_NE(page.find("Chart.js v3.9"), std::string::npos);
  EXPECT_NE(page.find("MIT licence"), std::string::npos);
  EXPECT_EQ(page.find("{{"), std::string::npos) << "a part of the template was not filled in";
}

TEST(ReportHtml, NoPointsStillGiveAPage) {
  const std::string page = render_report(made_up_results(0, {}));
  EXPECT_EQ(between(page, "<p class=\"headline\">", "</p>"), "No point was audited.");
  EXPECT_TRUE(data_of(page)["table"]["rows"].empty());
}

TEST(ReportHtml, TenThousandPointsStayAModeratePage) {
  const std::string page = render_report(made_up_results(10000, {"fp32/chain"}));
  const nlohmann::json data = data_of(page);
  EXPECT_EQ(data["table"]["rows"].size(), 10000u);
  EXPECT_EQ(data["table"]["omitted"], 0);
  EXPECT_LT(page.size(), 2u << 20);
}

TEST(ReportHtml, MoreRowsThanTheTableHoldsKeepTheWorstAndSaySo) {
  const nlohmann::json data = data_of(render_report(made_up_results(10500, {"fp32/chain", "fp16/chain"})));
  EXPECT_EQ(data["table"]["rows"].size(), 20000u);
  EXPECT_EQ(data["table"]["omitted"], 1000);
  Index bifurcations = 0;
  for (const auto& row : data["table"]["rows"]) {
    bifurcations += data["table"]["strings"][row[5].get<std::size_t>()] == "bifurcation";
  }
  EXPECT_EQ(bifurcations, 2 * 1313);
}

TEST(ReportHtml, EqualResultsGiveEqualBytes) {
  AuditResults slow = made_up_results(16, {"fp32/chain"});
  for (PointResult& point : slow.points) point.seconds = 12;
  EXPECT_EQ(render_report(slow), render_report(made_up_results(16, {"fp32/chain"})));
}

TEST(ReportHtml, DamagedConfigurationIsAnInputError) {
  AuditResults results = made_up_results(1, {"fp32/chain"});
  results.configuration = "[1, 2";
  EXPECT_THROW(render_report(results), InputError);
}

TEST(ReportHtml, WritesTheWholeFileOrThrows) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "report_html_test";
  std::filesystem::create_directories(folder);
  const AuditResults results = made_up_results(8, {"fp32/chain"});
  write_report(folder, results);
  std::ifstream file(folder / "report.html", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), render_report(results));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "a temporary file was left";
  EXPECT_THROW(write_report(folder / "missing", results), InputError);
}

TEST(TrainingHtml, HeadlineNamesTheBestTheCollapsedAndTheFirstNan) {
  const TrainingRecord record = made_up_training(20, 3, {0, 1000});
  const std::string page = render_report(record, {});
  EXPECT_NE(
      page.find("<p class=\"headline\">Best: fp16 direct, β\u00a0=\u00a00, with 99.65\u00a0% of the test "
                "images right after 20 "
                "epochs (mean of 3 runs, ± 0.10).</p>"),
      std::string::npos);
  EXPECT_NE(page.find("<p class=\"headline\">1 of 8 configurations collapsed: fp16 composed, "
                      "β\u00a0=\u00a01000 (9.80\u00a0%).</p>"),
            std::string::npos);
  EXPECT_NE(
      page.find(
          "<p class=\"headline\">3 of 24 runs met a NaN or an infinity, first fp16 composed, β\u00a0=\u00a0"
          "1000, run 0, in "
          "epoch 1 at step 3, layer features.2.</p>"),
      std::string::npos);
}

TEST(TrainingHtml, WithNoCollapseAndNoNanItSaysSo) {
  const std::string page = render_report(made_up_training(1, 1, {0}), {});
  EXPECT_NE(page.find("after 1 epoch.</p>"), std::string::npos);
  EXPECT_NE(page.find("No configuration collapsed."), std::string::npos);
  EXPECT_EQ(page.find("met a NaN"), std::string::npos);
}

TEST(TrainingHtml, CurvesHoldMeansAndRangesOverRuns) {
  const nlohmann::json data = data_of(render_report(made_up_training(20, 3, {0, 1000}), {}));
  ASSERT_EQ(data["configurations"].size(), 8u);
  const auto& first = data["configurations"][0];
  EXPECT_EQ(first["accuracy"]["mean"][0], 0.949);  // 0.95, 0.949, 0.948
  EXPECT_EQ(first["accuracy"]["low"][0], 0.948);
  EXPECT_EQ(first["accuracy"]["high"][0], 0.95);
  const auto& collapsed = data["configurations"][3];
  EXPECT_EQ(collapsed["label"], "fp16 composed, β\u00a0=\u00a01000");
  EXPECT_EQ(collapsed["collapsed"], 3);
  EXPECT_TRUE(collapsed["test_loss"]["mean"][0].is_null());
  EXPECT_EQ(collapsed["non_finite"],
            "run 0: epoch 1, step 3, features.2; run 1: epoch 1, step 4, features.2; run 2: epoch 1, step 5, "
            "features.2");
  EXPECT_TRUE(first["published"].is_null());
}

TEST(TrainingHtml, ZonesAreCountedOverStepsAndRuns) {
  const nlohmann::json data = data_of(render_report(made_up_training(1, 3, {0}), {}));
  const auto& zones = data["zones"][0];
  EXPECT_EQ(zones["zones"], nlohmann::json::parse(R"({"compensation": 120, "regular": 30})"));
  EXPECT_EQ(zones["cause"], "rounding at features.2");
  ASSERT_EQ(zones["bins"].size(), 25u);  // 50 steps, two a bin
  EXPECT_EQ(zones["bins"][0], nlohmann::json::parse(R"({"from": 1, "to": 3, "zones": {"regular": 6}})"));
}

TEST(TrainingHtml, PublishedCurvesEndWhereOursDo) {
  const TrainingRecord record = made_up_training(20, 3, {0, 1000});
  const std::vector<PublishedCurve> published = made_up_published({0, 1000});
  const std::string page =
      render_report(record, compare_with_published("lenet5", "sgd", curves_of(record.trace), published));
  const nlohmann::json data = data_of(page);
  const auto& first = data["configurations"][0]["published"];
  EXPECT_EQ(first["verdict"], "inside");
  EXPECT_EQ(first["compared"], 20);
  ASSERT_EQ(first["epoch"].size(), 20u);
  EXPECT_EQ(first["low"][0], 0.944);  // 0.948 - 0.002 - 2 * 0.001
  EXPECT_EQ(first["high"][0], 0.952);
  EXPECT_EQ(data["configurations"][3]["published"]["verdict"], "collapsed as published");
  EXPECT_NE(between(page, "<p class=\"meaning\">", "</p>")
                .find("of 8 configurations: inside: 6, collapsed as published: 1, differs: 1."),
            std::string::npos);
}

}  // namespace
}  // namespace gradzone
