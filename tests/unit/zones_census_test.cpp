#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/zones/census.hpp"
#include "gradzone/zones/thresholds.hpp"

namespace gradzone {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

PointRecord point_in(Zone zone, double stat_inf = 0, double stat_l1 = 0, const char* format = "fp32/chain") {
  PointRecord point;
  point.zone = zone;
  point.format = format;
  point.stat_inf = stat_inf;
  point.stat_l1 = stat_l1;
  return point;
}

/// Probability of at least k successes in n trials of probability p, by summing the binomial terms.
double tail_at_least(int k, int n, double p) {
  double sum = 0;
  for (int i = k; i <= n; ++i) {
    sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0) + i * std::log(p) +
                    (n - i) * std::log1p(-p));
  }
  return sum;
}

TEST(ClopperPearson, AgreesWithPublishedTables) {
  const struct {
    Index k, n;
    double low, high;
  } published[] = {{0, 10, 0, 0.3085},        {1, 10, 0.0025, 0.4450}, {5, 10, 0.1871, 0.8129},
                   {10, 10, 0.6915, 1},       {0, 1, 0, 0.9750},       {3, 20, 0.0321, 0.3789},
                   {10, 100, 0.0490, 0.1762}, {0, 100, 0, 0.0362}};
  for (const auto& [k, n, low, high] : published) {
    const Interval interval = clopper_pearson_95(k, n);
    EXPECT_NEAR(interval.low, low, 5e-5) << k << " of " << n;
    EXPECT_NEAR(interval.high, high, 5e-5) << k << " of " << n;
  }
}

TEST(ClopperPearson, LeavesOneFortiethInEachTail) {
  for (const int n : {7, 30, 200, 1000}) {
    for (const int k : {1, n / 3, n - 1}) {
      const Interval interval = clopper_pearson_95(k, n);
      // The tails cross 2.5 % within the six digits of the ends.
      EXPECT_LT(tail_at_least(k, n, interval.low - 5.1e-7), 0.025) << k << " of " << n;
      EXPECT_GT(tail_at_least(k, n, interval.low + 5.1e-7), 0.025) << k << " of " << n;
      EXPECT_GT(1 - tail_at_least(k + 1, n, interval.high - 5.1e-7), 0.025) << k << " of " << n;
      EXPECT_LT(1 - tail_at_least(k + 1, n, interval.high + 5.1e-7), 0.025) << k << " of " << n;
    }
  }
}

TEST(ClopperPearson, IsEverythingWithoutTrialsAndSymmetric) {
  EXPECT_EQ(clopper_pearson_95(0, 0).low, 0);
  EXPECT_EQ(clopper_pearson_95(0, 0).high, 1);
  for (Index k = 0; k <= 25; ++k) {
    EXPECT_NEAR(clopper_pearson_95(k, 25).low, 1 - clopper_pearson_95(25 - k, 25).high, 1e-6);
  }
}

TEST(ClopperPearson, IsRoundedToSixDigitsSoThatItPrintsTheSameEverywhere) {
  EXPECT_EQ(clopper_pearson_95(0, 10).high, 0.308497);
  EXPECT_EQ(clopper_pearson_95(5, 10).low, 0.187086);
  EXPECT_EQ(clopper_pearson_95(0, 60000).high, 6.14794e-05);
}

TEST(Census, CountsZonesCausesLayersProofsAndWhatTheFloatsSee) {
  std::vector<PointRecord> points = {point_in(Zone::regular),      point_in(Zone::compensation),
                                     point_in(Zone::compensation), point_in(Zone::compensation),
                                     point_in(Zone::bifurcation),  point_in(Zone::bifurcation),
                                     point_in(Zone::bifurcation),  point_in(Zone::undecided)};
  points[0].proof = "branches";
  points[1].proof = points[2].proof = points[3].proof = "structure";
  points[1].cause = points[2].cause = "rounding";
  points[3].cause = "false tie";
  points[1].cause_layer = points[3].cause_layer = "features.2";
  points[2].cause_layer = "features.5";
  points[4].proof = points[5].proof = points[6].proof = "enclosure";
  points[4].float_sees = points[5].float_sees = true;
  points[1].float_sees = true;

  const Census census = take_census(points);
  EXPECT_EQ(census.points, 8);
  EXPECT_EQ(census.zone(Zone::regular).count, 1);
  EXPECT_EQ(census.zone(Zone::compensation).count, 3);
  EXPECT_EQ(census.zone(Zone::bifurcation).count, 3);
  EXPECT_EQ(census.zone(Zone::undecided).count, 1);
  EXPECT_EQ(census.zone(Zone::compensation).share, 0.375);
  EXPECT_EQ(census.zone(Zone::undecided).ci95.high, clopper_pearson_95(1, 8).high);
  EXPECT_EQ(census.causes, (std::map<std::string, Index>{{"rounding", 2}, {"false tie", 1}}));
  EXPECT_EQ(census.cause_layers.at("rounding"),
            (std::map<std::string, Index>{{"features.2", 1}, {"features.5", 1}}));
  EXPECT_EQ(census.proofs,
            (std::map<std::string, Index>{{"branches", 1}, {"enclosure", 3}, {"structure", 3}}));
  EXPECT_EQ(census.bifurcations_seen, 2);
  EXPECT_EQ(census.bifurcations_hidden, 1);
}

TEST(Census, OfNoPointsHasNoShares) {
  const Census census = take_census({});
  EXPECT_EQ(census.points, 0);
  EXPECT_EQ(census.zone(Zone::regular).share, 0);
  EXPECT_EQ(census.zone(Zone::regular).ci95.high, 1);
}

TEST(Thresholds, ArePublishedForTheInfNorm) {
  const auto published = [](FormatId format) {
    std::vector<double> taus;
    for (const Threshold& threshold : thresholds_for(format, {})) {
      if (threshold.statistic == Statistic::inf) taus.push_back(threshold.tau.value());
    }
    return taus;
  };
  EXPECT_EQ(published(FormatId::fp16), std::vector{1e-3});
  EXPECT_EQ(published(FormatId::bf16), std::vector{1e-3});
  EXPECT_EQ(published(FormatId::fp16_strict), std::vector{1e-3});
  EXPECT_EQ(published(FormatId::fp32), (std::vector{1e-7, 1e-6}));
  EXPECT_EQ(published(FormatId::fp64), std::vector{1e-15});
  EXPECT_NE(thresholds_for(FormatId::bf16, {}).front().source.find("the paper has none"), std::string::npos);
}

TEST(Thresholds, AreEstimatedByThePapersRuleForTheOneNorm) {
  const std::vector<PointRecord> points = {
      point_in(Zone::regular, 0, 0), point_in(Zone::regular, 0, 3e-4), point_in(Zone::regular, 0, 2e-5),
      point_in(Zone::regular, 0, infinity), point_in(Zone::regular, 0, nan)};
  for (const FormatId format : {FormatId::fp16, FormatId::bf16, FormatId::fp16_strict}) {
    EXPECT_EQ(thresholds_for(format, points).back().tau, 2e-5);
  }
  for (const FormatId format : {FormatId::fp32, FormatId::fp64}) {
    EXPECT_EQ(thresholds_for(format, points).back().tau, 3e-4);
  }
}

TEST(Thresholds, SayWhenTheyCannotBeEstimated) {
  const std::vector<PointRecord> points = {point_in(Zone::regular), point_in(Zone::regular, 0, infinity)};
  const ThresholdResult result = compare_with_thresholds(points).back();
  EXPECT_EQ(result.threshold.statistic, Statistic::l1);
  EXPECT_FALSE(result.threshold.tau);
  EXPECT_FALSE(result.confusion);
  EXPECT_NE(result.threshold.source.find("cannot be estimated"), std::string::npos);
}

TEST(Thresholds, LabelOnlyWhatExceedsTau) {
  const std::vector<PointRecord> points = {point_in(Zone::regular),
                                           point_in(Zone::compensation, 1e-7),
                                           point_in(Zone::compensation, 2e-7),
                                           point_in(Zone::bifurcation, 1e-3),
                                           point_in(Zone::bifurcation, 1e-9),
                                           point_in(Zone::compensation, infinity),
                                           point_in(Zone::undecided, nan)};
  const Confusion confusion = compare_with_threshold(points, Statistic::inf, 1e-7);
  EXPECT_EQ(confusion.labelled(Zone::compensation), 2);
  EXPECT_EQ(confusion.unlabelled(Zone::compensation), 1);
  EXPECT_EQ(confusion.labelled(Zone::bifurcation), 1);
  EXPECT_EQ(confusion.unlabelled(Zone::bifurcation), 1);
  EXPECT_EQ(confusion.unlabelled(Zone::regular), 1);
  EXPECT_EQ(confusion.unlabelled(Zone::undecided), 1);
}

TEST(Thresholds, ComeFromTheFormatOfThePoints) {
  const std::vector<PointRecord> points = {point_in(Zone::regular, 5e-4, 1, "fp16/pairwise")};
  const auto results = compare_with_thresholds(points);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].threshold.tau, 1e-3);
  EXPECT_EQ(results[0].confusion->unlabelled(Zone::regular), 1);
  EXPECT_TRUE(compare_with_thresholds({}).empty());
}

TEST(BestThreshold, HasTheFewestWrongLabels) {
  const std::vector<PointRecord> points = {
      point_in(Zone::regular, 0),         point_in(Zone::compensation, 1e-7),
      point_in(Zone::compensation, 3e-7), point_in(Zone::bifurcation, 2e-7),
      point_in(Zone::bifurcation, 1e-3),  point_in(Zone::bifurcation, infinity),
      point_in(Zone::undecided, 1),       point_in(Zone::compensation, nan)};
  const BestThreshold best = best_threshold(points, Statistic::inf);
  // Above 1e-7 lie three bifurcations and one compensation; above 3e-7 one bifurcation is missed: of two
  // equally good ones the larger tau.
  EXPECT_EQ(best.tau, 3e-7);
  EXPECT_EQ(best.confusion.wrong(), 1);
  EXPECT_EQ(best.confusion.missed(), 1);
  EXPECT_EQ(best.confusion.false_alarms(), 0);
  EXPECT_EQ(best.confusion.decided(), 7);
  // Of 3 x 3 pairs all but (2e-7, 3e-7) are in order.
  EXPECT_DOUBLE_EQ(best.separation.value(), 8.0 / 9);
}

TEST(BestThreshold, IsNoBetterThanAnyTriedOne) {
  std::uint64_t state = 12345;
  const auto next = [&] { return state = state * 6364136223846793005u + 1442695040888963407u, state >> 33; };
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<PointRecord> points;
    for (int i = 0; i < 12; ++i)
      points.push_back(point_in(all_zones[next() % 4], 0, static_cast<double>(next() % 6) * 1e-5));
    const BestThreshold best = best_threshold(points, Statistic::l1);
    for (int k = 0; k < 6; ++k) {
      const Index wrong = compare_with_threshold(points, Statistic::l1, k * 1e-5).wrong();
      EXPECT_LE(best.confusion.wrong(), wrong) << "trial " << trial << ", tau " << k;
    }
  }
}

TEST(BestThreshold, OfOneKindSeparatesNothing) {
  const std::vector<PointRecord> points = {point_in(Zone::compensation, 1e-7),
                                           point_in(Zone::compensation, 2e-7)};
  const BestThreshold best = best_threshold(points, Statistic::inf);
  EXPECT_EQ(best.tau, 2e-7);  // labels nothing
  EXPECT_EQ(best.confusion.wrong(), 0);
  EXPECT_FALSE(best.separation);
  EXPECT_EQ(best_threshold({}, Statistic::inf).tau, 0);
}

TEST(Decades, CountZonesByPowersOfTen) {
  const std::vector<PointRecord> certified = {
      point_in(Zone::regular, 0),           point_in(Zone::compensation, 1e-7),
      point_in(Zone::compensation, 9.9e-7), point_in(Zone::bifurcation, 1e-6),
      point_in(Zone::undecided, infinity),  point_in(Zone::regular, nan)};
  const std::vector<PointRecord> uncertified = {point_in(Zone::undecided, 2e-7)};
  const std::vector<Decade> list = decades(certified, uncertified, 5, Statistic::inf);
  ASSERT_EQ(list.size(), 4u);
  EXPECT_EQ(list[0].kind, Decade::Kind::zero);
  EXPECT_EQ(list[0].zones, (std::array<Index, 4>{1, 0, 0, 0}));
  EXPECT_EQ(list[0].uncertified, 5);
  EXPECT_EQ(list[1].exponent, -7);
  EXPECT_EQ(list[1].zones, (std::array<Index, 4>{0, 0, 2, 0}));
  EXPECT_EQ(list[1].uncertified, 1);
  EXPECT_EQ(list[2].exponent, -6);
  EXPECT_EQ(list[2].zones, (std::array<Index, 4>{0, 1, 0, 0}));
  EXPECT_EQ(list[3].kind, Decade::Kind::not_finite);
  EXPECT_EQ(list[3].zones, (std::array<Index, 4>{1, 0, 0, 1}));
  EXPECT_TRUE(decades({}, {}, 0, Statistic::l1).empty());
}

TEST(ZoneNames, AreReadBackAndOthersRefused) {
  for (const Zone zone : all_zones) EXPECT_EQ(parse_zone(name(zone)), zone);
  EXPECT_THROW(parse_zone("Regular"), UsageError);
}

}  // namespace
}  // namespace gradzone
