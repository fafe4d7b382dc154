#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gradzone/report/html.hpp"
#include "gradzone/zones/census.hpp"
#include "support/made_up_results.hpp"
#include "support/made_up_volume.hpp"
#include "support/page_parts.hpp"

namespace gradzone {
namespace {

using tests::between;
using tests::count;
using tests::data_of;
using tests::made_up_point;
using tests::made_up_results;
using tests::made_up_volume;

std::string page_of(const AuditResults& a, const AuditResults& b) {
  return render_comparison(Compared<AuditResults>{"one", a}, Compared<AuditResults>{"two", b});
}
std::string headline_of(const std::string& page) {
  return between(page, "<p class=\"headline\">", "</p>");
}

/// An audit with another value in its configuration.
AuditResults with(AuditResults results, const char* key, const nlohmann::json& value) {
  auto configuration = nlohmann::ordered_json::parse(results.configuration);
  configuration[key] = value;
  results.configuration = configuration.dump();
  return results;
}

TEST(CompareHtml, TheSameIsSaidWhereTheTablesAreTheSameBytes) {
  const AuditResults a = made_up_results(8, {"fp32/chain"});
  const std::string page = page_of(a, a);
  EXPECT_EQ(
      headline_of(page),
      "fp32: the same in A and B, byte for byte; of 8 samples, 1 is a bifurcation, 5 are compensation "
      "(causes: cancellation 1, false tie 1, lost tie 1, non-finite 1, rounding 1, first at features.2), "
      "1 is regular, 1 is undecided.");
  EXPECT_NE(page.find("A is one, B is two. Their configurations are the same."), std::string::npos);
  AuditResults b = a;
  b.points[3].gradients[0].ulp_error_max = 4;  // in gradients.csv alone
  EXPECT_EQ(headline_of(page_of(a, b)).find("byte for byte"), std::string::npos);
  EXPECT_EQ(headline_of(page_of(a, b)),
            "fp32: no share differs beyond its 95\u00a0% interval. None of 8 samples audited in both changed "
            "zone.");
}

TEST(CompareHtml, PointsAreFollowedFromZoneToZone) {
  const AuditResults a = made_up_results(16, {"fp32/chain"});
  AuditResults b = a;
  b.points[1].point.zone = Zone::undecided;  // was a bifurcation
  b.points[3].point.zone = Zone::regular;    // was a compensation
  b.points[11].point.zone = Zone::regular;
  const std::string page = page_of(a, b);
  EXPECT_NE(
      headline_of(page).find("Of 16 samples audited in both, 3 changed zone (1 bifurcation to undecided, "
                             "2 compensation to regular)."),
      std::string::npos)
      << headline_of(page);
  const nlohmann::json data = data_of(page);
  const auto& moves = data["entries"][0]["transitions"];
  EXPECT_EQ(moves["points"], 16);
  EXPECT_EQ(moves["changed"], 3);
  EXPECT_EQ(moves["matrix"]["compensation"]["regular"], 2);
  EXPECT_EQ(moves["matrix"]["compensation"]["compensation"], 8);
  Index total = 0;
  for (const auto& row : moves["matrix"])
    for (const auto& cell : row) total += cell.get<Index>();
  EXPECT_EQ(total, 16);
  ASSERT_EQ(data["table"]["rows"].size(), 3u);
  EXPECT_EQ(data["table"]["rows"][1][0], 3);
}

TEST(CompareHtml, OtherPointsAreNotFollowed) {
  const AuditResults a = made_up_results(16, {"fp32/chain"});
  for (const auto& [key, value] : std::vector<std::pair<const char*, nlohmann::json>>{
           {"split", "train"}, {"data_sha256", "12"}, {"batch", 4}, {"shuffle", true}}) {
    const nlohmann::json data = data_of(page_of(a, with(a, key, value)));
    EXPECT_TRUE(data["entries"][0]["transitions"].is_null()) << key;
    EXPECT_NE(data["other_points"], "") << key;
  }
  // The seed draws an order only where one is drawn.
  EXPECT_EQ(data_of(page_of(a, with(a, "seed", 3)))["other_points"], "");
  const AuditResults shuffled = with(a, "shuffle", true);
  EXPECT_NE(data_of(page_of(shuffled, with(shuffled, "seed", 3)))["other_points"], "");
}

TEST(CompareHtml, SharesDifferOnlyBeyondBothIntervals) {
  const auto audit = [](Index bifurcations) {
    AuditResults results = made_up_results(0, {});
    for (Index i = 0; i < 40; ++i)
      results.points.push_back(made_up_point(i < bifurcations ? 1 : 0, "fp32/chain"));
    for (Index i = 0; i < 40; ++i) results.points[static_cast<std::size_t>(i)].point.point = i;
    return results;
  };
  ASSERT_LT(clopper_pearson_95(4, 40).high, clopper_pearson_95(20, 40).low);
  ASSERT_GT(clopper_pearson_95(4, 40).high, clopper_pearson_95(10, 40).low);
  const std::string far = page_of(audit(4), audit(20)), near = page_of(audit(4), audit(10));
  EXPECT_EQ(data_of(far)["entries"][0]["verdicts"]["bifurcation"], "beyond");
  EXPECT_EQ(data_of(near)["entries"][0]["verdicts"]["bifurcation"], "within");
  EXPECT_EQ(data_of(near)["entries"][0]["verdicts"]["undecided"], "same");
  EXPECT_NE(headline_of(far).find("bifurcation 10\u00a0% in A (2.79 to 23.7), 50\u00a0% in B (33.8 to 66.2)"),
            std::string::npos)
      << headline_of(far);
  EXPECT_NE(headline_of(near).find("no share differs beyond"), std::string::npos);
}

TEST(CompareHtml, FormatsArePairedByNameThenByStorageThenTheOddOnes) {
  const auto names = [](const std::vector<std::string>& a, const std::vector<std::string>& b) {
    std::vector<std::string> out;
    const nlohmann::json data = data_of(page_of(made_up_results(8, a), made_up_results(8, b)));
    for (const auto& entry : data["entries"]) out.push_back(entry["name"]);
    return out;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names({"fp32/chain", "fp16/chain"}, {"fp16/chain", "fp32/chain"}), (Names{"fp32", "fp16"}));
  EXPECT_EQ(names({"fp16/chain", "fp32/chain"}, {"fp16/pairwise", "fp32/chain"}),
            (Names{"fp16 | fp16/pairwise", "fp32"}));
  EXPECT_EQ(names({"fp16/chain", "fp32/chain"}, {"fp16/pairwise", "fp32/pairwise"}),
            (Names{"fp16 | fp16/pairwise", "fp32 | fp32/pairwise"}));
  EXPECT_EQ(names({"fp16/chain"}, {"fp16/pairwise", "fp16/lanes16"}),
            (Names{"fp16", "fp16/pairwise", "fp16/lanes16"}));
  EXPECT_EQ(names({"fp64/chain"}, {"fp16/chain", "fp32/chain"}), (Names{"fp64", "fp16", "fp32"}));
  const std::string page =
      page_of(made_up_results(8, {"fp64/chain"}), made_up_results(8, {"fp16/chain", "fp32/chain"}));
  EXPECT_EQ(headline_of(page), "In A only: fp64. In B only: fp16, fp32.");
}

TEST(CompareHtml, DifferingKeysStandSideBySide) {
  const AuditResults a = made_up_results(1, {"fp32/chain"});
  const nlohmann::json differing =
      data_of(page_of(a, with(with(a, "form", "composed"), "per_sample", true)))["differing"];
  EXPECT_EQ(differing,
            nlohmann::json::parse(R"([["form", "direct", "composed"], ["per_sample", "–", "true"]])"));
}

TEST(CompareHtml, CausesOfBothStandAtTheirLayers) {
  AuditResults a = made_up_results(0, {}), b = a;
  a.points = {made_up_point(3, "fp32/chain"), made_up_point(11, "fp32/chain")};
  b.points = {made_up_point(3, "fp32/chain"), made_up_point(4, "fp32/chain", "features.5")};
  EXPECT_EQ(data_of(page_of(a, b))["entries"][0]["causes"],
            nlohmann::json::parse(R"([{"cause": "rounding", "layer": "features.2", "counts": [2, 1]},
                                      {"cause": "false tie", "layer": "features.5", "counts": [0, 1]}])"));
}

TEST(CompareHtml, VolumesCompareTheirHits) {
  const VolumeResults hit = made_up_volume(40, {"fp16/chain"}),
                      not_hit = made_up_volume(40, {"fp16/chain"}, "", false);
  const std::string page =
      render_comparison(Compared<VolumeResults>{"a", hit}, Compared<VolumeResults>{"b", not_hit});
  EXPECT_NE(
      headline_of(page).find("initialisations hit 50\u00a0% in A (33.8 to 66.2), 0\u00a0% in B (0 to 8.81)"),
      std::string::npos)
      << headline_of(page);
  EXPECT_NE(
      headline_of(page).find("60 certified mini-batches in A, 0 in B, so that zones cannot be compared"),
      std::string::npos)
      << headline_of(page);
  const nlohmann::json hits = data_of(page)["entries"][0]["hits"];
  EXPECT_EQ(hits[0]["initialisations"]["count"], 20);
  EXPECT_EQ(hits[1]["batches"]["share"], 0.0);
  const std::string same =
      render_comparison(Compared<VolumeResults>{"a", hit}, Compared<VolumeResults>{"b", hit});
  EXPECT_NE(headline_of(same).find("the same in A and B, byte for byte"), std::string::npos);
}

TEST(CompareHtml, VolumesThatCountByOtherRulesSaySo) {
  const VolumeResults a = made_up_volume(4, {"fp16/chain"});
  const auto meaning = [&](const char* key, const nlohmann::json& value) {
    VolumeResults b = a;
    auto configuration = nlohmann::ordered_json::parse(b.configuration);
    configuration[key] = value;
    b.configuration = configuration.dump();
    return between(render_comparison(Compared<VolumeResults>{"a", a}, Compared<VolumeResults>{"b", b}),
                   "<p class=\"meaning\">", "</p>");
  };
  EXPECT_NE(meaning("hit", "first-layer").find("They count hits by different rules"), std::string::npos);
  EXPECT_NE(meaning("certify", "all").find("the shares of zones are of different sets"), std::string::npos);
  EXPECT_EQ(meaning("seed", 1), "A is a, B is b. Their configurations differ in seed.");
}

TEST(CompareHtml, HostileLabelsStayText) {
  const AuditResults a = made_up_results(2, {"fp32/chain"});
  const std::string hostile = "</script><script>alert(1)</script>";
  const std::string page =
      render_comparison(Compared<AuditResults>{hostile, a}, Compared<AuditResults>{"b", a});
  EXPECT_EQ(count(page, "<script"), 3u);
  EXPECT_EQ(data_of(page)["labels"][0], hostile);
}

}  // namespace
}  // namespace gradzone
