// Thresholds of finished studies: what is counted, certified or not.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/study/threshold_study.hpp"

namespace gradzone {
namespace {

VolumePoint volume_point(bool certified, Zone zone, double stat) {
  VolumePoint out;
  out.certified = certified;
  out.point.format = "fp32/chain";
  out.point.zone = zone;
  out.point.stat_inf = out.point.stat_l1 = stat;
  return out;
}

/// Ten mini-batches: three certified, two that differ only, five of which nothing is known but that they do
/// not.
VolumeResults small_volume() {
  VolumeResults results;
  VolumeRow row;
  row.format = "fp32/chain";
  row.batches = 10;
  row.points = 5;
  results.rows = {row};
  results.points = {volume_point(true, Zone::regular, 0), volume_point(true, Zone::compensation, 3e-7),
                    volume_point(true, Zone::bifurcation, 2e-6), volume_point(false, Zone::undecided, 5e-8),
                    volume_point(false, Zone::undecided, 4e-6)};
  return results;
}

TEST(ThresholdStudy, CountsEveryMiniBatchOnce) {
  const auto formats = threshold_study(judged_points(small_volume()));
  ASSERT_EQ(formats.size(), 1u);
  EXPECT_EQ(formats[0].points, 10);
  EXPECT_EQ(formats[0].certified, 3);
  Index counted = 0;
  for (const Decade& d : formats[0].statistics[0].decades) {
    counted += d.uncertified;
    for (const Index n : d.zones) counted += n;
  }
  EXPECT_EQ(counted, 10);
}

TEST(ThresholdStudy, EstimatesFromAllPointsAndJudgesCertifiedOnes) {
  const FormatThresholds f = threshold_study(judged_points(small_volume()))[0];
  const JudgedThreshold& rule = f.thresholds.back();  // the largest value at 32 bits
  EXPECT_EQ(rule.threshold.tau, 4e-6);
  EXPECT_EQ(rule.confusion.missed(), 1);
  EXPECT_EQ(rule.uncertified_above, 0);
  EXPECT_EQ(rule.uncertified_not_above, 7);
  const JudgedThreshold& published = f.thresholds.front();  // 1e-7
  EXPECT_EQ(published.confusion.false_alarms(), 1);
  EXPECT_EQ(published.confusion.missed(), 0);
  EXPECT_EQ(published.uncertified_above, 1);
  EXPECT_EQ(f.statistics[0].smallest, 5e-8);
  EXPECT_EQ(f.statistics[0].median, (3e-7 + 2e-6) / 2);
  EXPECT_EQ(f.statistics[0].largest, 4e-6);
  EXPECT_EQ(f.statistics[0].best.tau, 3e-7);
  EXPECT_EQ(f.statistics[0].best.confusion.wrong(), 0);
  EXPECT_EQ(f.statistics[0].best.separation, 1);
}

TEST(ThresholdStudy, WritesTablesAndJson) {
  const auto formats = threshold_study(judged_points(small_volume()));
  EXPECT_EQ(decades_csv(formats).substr(0, decades_csv(formats).find("fp32/chain,stat_l1")),
            "format,statistic,decade,regular,bifurcation,compensation,undecided,uncertified\n"
            "fp32/chain,stat_inf,zero,1,0,0,0,5\n"
            "fp32/chain,stat_inf,-8,0,0,0,0,1\n"
            "fp32/chain,stat_inf,-7,0,0,1,0,0\n"
            "fp32/chain,stat_inf,-6,0,1,0,0,1\n");
  const auto json = nlohmann::json::parse(thresholds_json(formats));
  const auto& format = json["formats"]["fp32/chain"];
  EXPECT_EQ(format["thresholds"][0]["uncertified"]["above"], 1);
  EXPECT_EQ(format["stat_inf"]["best"]["tau"], 3e-7);
  EXPECT_EQ(format["stat_l1"]["best"]["wrong"], 0);
  const std::string table = thresholds_csv(formats);
  EXPECT_EQ(std::ranges::count(table, '\n'), 1 + 3 + 2);  // a header, three thresholds, two best ones
}

TEST(ThresholdStudy, RefusesFormatsOfTensorCores) {
  std::vector<JudgedPoints> points = judged_points(small_volume());
  points[0].format = "fp16-tc";
  EXPECT_THROW(threshold_study(points), UsageError);
}

TEST(ThresholdStudy, SaysWhenNothingDiffers) {
  VolumeResults results = small_volume();
  results.points.clear();
  results.rows[0].points = 0;
  const FormatThresholds f = threshold_study(judged_points(results))[0];
  EXPECT_FALSE(f.thresholds.back().threshold.tau);
  EXPECT_FALSE(f.statistics[1].smallest);
  ASSERT_EQ(f.statistics[0].decades.size(), 1u);
  EXPECT_EQ(f.statistics[0].decades[0].uncertified, 10);
  const auto json = nlohmann::json::parse(thresholds_json({f}));
  EXPECT_TRUE(json["formats"]["fp32/chain"]["thresholds"][2]["tau"].is_null());
}

}  // namespace
}  // namespace gradzone
