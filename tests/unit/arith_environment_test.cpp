// The build itself: no excess precision, no contraction, no fast-math, no flushing of subnormals.
#include <gtest/gtest.h>

#include <cfenv>
#include <cfloat>
#include <cmath>
#include <limits>

#ifdef __FAST_MATH__
#error "gradzone must not be built with -ffast-math"
#endif

namespace gradzone {
namespace {

// Volatile operands keep the compiler from evaluating any of this itself.

TEST(Environment, expressions_are_evaluated_in_their_own_type) {
  EXPECT_EQ(FLT_EVAL_METHOD, 0);
  const volatile float one = 1, tiny = 0x1p-24f;
  const float sum = (one + tiny) + tiny;  // twice half an ulp, each rounded away
  EXPECT_EQ(sum, 1.0f);
  const volatile double big = 0x1p53, unit = 1;
  EXPECT_EQ((big + unit) + unit - big, 0);
}

TEST(Environment, products_and_sums_are_not_contracted) {
  const volatile float a = 1 + 0x1p-12f, c = -(1 + 0x1p-11f);
  EXPECT_EQ(a * a + c, 0.0f);              // the product is rounded first
  EXPECT_EQ(std::fma(a, a, c), 0x1p-24f);  // one rounding
  const volatile double x = 1 + 0x1p-27, z = -(1 + 0x1p-26);
  EXPECT_EQ(x * x + z, 0.0);
  EXPECT_EQ(std::fma(x, x, z), 0x1p-54);
}

TEST(Environment, sums_are_not_reassociated) {
  const volatile float a = 0x1p30f, b = 1;
  EXPECT_EQ((a + b) - a, 0.0f);
  const volatile float x = 3, y = 10;
  EXPECT_EQ(x / y, 0x1.333334p-2f);  // not x * (1 / y) = 0x1.333336p-2
}

TEST(Environment, zeros_infinities_and_nans_are_told_apart) {
  const volatile float zero = 0;
  EXPECT_TRUE(std::signbit(-zero));
  EXPECT_TRUE(std::signbit(-zero + -zero));
  EXPECT_FALSE(std::signbit(-zero + zero));
  const volatile float nan = std::numeric_limits<float>::quiet_NaN(),
                       inf = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(nan == nan);
  EXPECT_TRUE(nan != nan);
  EXPECT_TRUE(std::isnan(inf - inf));
}

TEST(Environment, subnormals_are_kept) {
  const volatile float smallest = FLT_TRUE_MIN, half = 0.5f, normal = FLT_MIN;
  EXPECT_GT(smallest, 0.0f);
  EXPECT_EQ(smallest + smallest, 2 * FLT_TRUE_MIN);
  EXPECT_EQ(normal * half, FLT_MIN / 2);
  EXPECT_GT(normal * half, 0.0f);
  const volatile double tiny = DBL_TRUE_MIN;
  EXPECT_GT(tiny + tiny, DBL_TRUE_MIN);
}

TEST(Environment, rounding_is_to_nearest_even) {
  EXPECT_EQ(std::fegetround(), FE_TONEAREST);
  const volatile float one = 1, half_ulp = 0x1p-24f;
  EXPECT_EQ(one + half_ulp, 1.0f);
  EXPECT_EQ((one + 0x1p-23f) + half_ulp, 1 + 0x1p-22f);
}

}  // namespace
}  // namespace gradzone
