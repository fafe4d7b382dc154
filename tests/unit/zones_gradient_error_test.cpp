#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradzone/zones/gradient_error.hpp"

namespace gradzone {
namespace {

/// A graph with one parameter tensor of `n` entries.
Graph one_tensor(Index n) {
  GraphBuilder builder("one", {n});
  builder.then("fc", Linear{n, 1, false});
  return builder.build(Loss::output);
}

GradientRecord errors(const std::vector<double>& computed, const std::vector<Ball>& certified,
                      FormatId format) {
  const Index n = static_cast<Index>(computed.size());
  const auto records = gradient_errors(one_tensor(n), {Tensor<double>({1, n}, computed)},
                                       {Tensor<Ball>({1, n}, certified)}, format);
  EXPECT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].tensor, "fc.weight");
  EXPECT_EQ(records[1].tensor, "*");
  return records[0];
}

TEST(GradientError, OfAnExactGradientIsNone) {
  const GradientRecord r = errors({1.5, -2}, {Ball(1.5), Ball(-2)}, FormatId::fp32);
  EXPECT_EQ(r.entries, 2);
  EXPECT_EQ(r.relative_error_max, 0);
  EXPECT_EQ(r.ulp_error_max, 0);
  EXPECT_EQ(r.bits_median, 24);
  EXPECT_EQ(r.angle, 0);
}

TEST(GradientError, CountsUlpsAndBitsOfTheStorageFormat) {
  // 1 + 2^-10 for 1 in binary16: one unit in the last place, ten correct bits.
  const GradientRecord r = errors({1 + 0x1p-10}, {Ball(1)}, FormatId::fp16);
  EXPECT_EQ(r.ulp_error_max, 1);
  EXPECT_EQ(r.relative_error_max, 0x1p-10);
  EXPECT_EQ(r.bits_worst_1_percent, 10);
}

TEST(GradientError, NamesSignsFlushesAndOverflows) {
  const double inf = std::numeric_limits<double>::infinity();
  const GradientRecord r = errors({-1, 0, inf, 1}, {Ball(1), Ball(1), Ball(1), Ball(1)}, FormatId::fp32);
  EXPECT_EQ(r.wrong_sign_share, 0.25);
  EXPECT_EQ(r.flushed_share, 0.25);
  EXPECT_EQ(r.overflow_share, 0.25);
  EXPECT_EQ(r.relative_error_max, 2);
  EXPECT_EQ(r.bits_worst_1_percent, 0);
  EXPECT_FALSE(std::signbit(r.bits_worst_1_percent));
}

TEST(GradientError, RightZerosCountInNoFigure) {
  const GradientRecord r = errors({0, 0, 1 + 0x1p-20}, {Ball(0.0), Ball(0.0), Ball(1)}, FormatId::fp32);
  EXPECT_EQ(r.entries, 3);
  EXPECT_EQ(r.unquoted, 0);
  EXPECT_EQ(r.bits_median, 20);
}

TEST(GradientError, AWrongZeroIsInfinitelyWrong) {
  const GradientRecord r = errors({1e-30}, {Ball(0.0)}, FormatId::fp32);
  EXPECT_TRUE(std::isinf(r.relative_error_max));
  EXPECT_EQ(r.bits_median, 0);
}

TEST(GradientError, IsNotQuotedWithinAThousandRadii) {
  Ball near(1);
  near.rad = Magnitude::power_of_two(-60);
  const GradientRecord quoted = errors({1 + 0x1p-40}, {near}, FormatId::fp64);
  EXPECT_EQ(quoted.unquoted, 0);
  const GradientRecord unquoted = errors({1 + 0x1p-52}, {near}, FormatId::fp64);
  EXPECT_EQ(unquoted.unquoted, 1);
  EXPECT_TRUE(std::isnan(unquoted.relative_error_max));
  EXPECT_TRUE(std::isnan(unquoted.angle));
}

TEST(GradientError, AngleIsThatOfTheErrorAcrossTheGradient) {
  // (1, 1e-20) for (1, 0): far below what a difference of unit vectors in binary64 would show.
  const GradientRecord across = errors({1, 1e-20}, {Ball(1), Ball(0.0)}, FormatId::fp64);
  EXPECT_NEAR(across.angle, 1e-20, 1e-25);
  const GradientRecord along = errors({2, 2}, {Ball(1), Ball(1)}, FormatId::fp64);
  EXPECT_EQ(along.angle, 0);
  const GradientRecord against = errors({-1, -1}, {Ball(1), Ball(1)}, FormatId::fp64);
  EXPECT_NEAR(against.angle, std::acos(-1.0), 1e-5);
}

}  // namespace
}  // namespace gradzone
