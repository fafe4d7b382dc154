// exp and log: correctly rounded, MPFR being the judge.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "gradzone/arith/elementary.hpp"
#include "gradzone/arith/formats.hpp"
#include "support/mpfr_oracle.hpp"

namespace gradzone {
namespace {

using testing::BinaryFormat;
using testing::identical;
using testing::Mpfr;
using testing::rounded;

constexpr BinaryFormat binary16{11, -14, 15}, binary32{24, -126, 127}, binary64{53, -1022, 1023};

double exact_exp(const BinaryFormat& format, double x) {
  return rounded(format, [x](mpfr_ptr out) { return mpfr_exp(out, Mpfr(x), MPFR_RNDN); });
}
double exact_log(const BinaryFormat& format, double x) {
  return rounded(format, [x](mpfr_ptr out) { return mpfr_log(out, Mpfr(x), MPFR_RNDN); });
}

TEST(Elementary, exp_is_correctly_rounded) {
  RandomStream random(1, "exp");
  for (int i = 0; i < 50000; ++i) {
    const float x = static_cast<float>(
        i % 2 == 0 ? random.uniform(-105, 90)
                   : std::ldexp(random.uniform(-2, 2), -static_cast<int>(random.below(30))));
    ASSERT_TRUE(identical(exp_rounded(x), exact_exp(binary32, x))) << std::hexfloat << x;
  }
  for (int i = 0; i < 5000; ++i) {
    const double x = i % 2 == 0 ? random.uniform(-746, 710)
                                : std::ldexp(random.uniform(-2, 2), -static_cast<int>(random.below(70)));
    ASSERT_TRUE(identical(exp_rounded(x), exact_exp(binary64, x))) << std::hexfloat << x;
  }
}

TEST(Elementary, log_is_correctly_rounded) {
  RandomStream random(2, "log");
  for (int i = 0; i < 50000; ++i) {
    const float any = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()) & 0x7FFFFFFFu);
    const float x = i % 2 == 0 ? any
                               : static_cast<float>(1 + std::ldexp(random.uniform(-0.5, 1),
                                                                   -static_cast<int>(random.below(24))));
    ASSERT_TRUE(identical(log_rounded(x), exact_log(binary32, x))) << std::hexfloat << x;
  }
  for (int i = 0; i < 5000; ++i) {
    const double x = i % 2 == 0
                         ? std::bit_cast<double>(random.bits() & 0x7FFFFFFFFFFFFFFFu)
                         : 1 + std::ldexp(random.uniform(-0.5, 1), -static_cast<int>(random.below(53)));
    ASSERT_TRUE(identical(log_rounded(x), exact_log(binary64, x))) << std::hexfloat << x;
  }
}

// Where a double evaluation leaves no doubt, too.
TEST(Elementary, integers_alone_round_floats_correctly) {
  RandomStream random(3, "integers");
  for (int i = 0; i < 5000; ++i) {
    const float x = static_cast<float>(random.uniform(-105, 90));
    ASSERT_TRUE(identical(elementary::exp_by_integers<float>(x), exact_exp(binary32, x)))
        << std::hexfloat << x;
    const float y = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()) & 0x7FFFFFFFu);
    ASSERT_TRUE(identical(elementary::log_by_integers<float>(y), exact_log(binary32, y)))
        << std::hexfloat << y;
  }
}

// Hardest cases of binary64 (Lefevre and Muller, Worst cases for correct rounding of the elementary functions
// in double precision, 2001): 59 and more equal bits follow the last one kept. And 1 with its neighbours.
TEST(Elementary, the_hardest_doubles_are_correctly_rounded) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double x : {0x1.9E9CBBFD6080Bp-31, -0x1.FFFFFFFFFFFFFp-53, 0x1p-53, -0x1p-54, 0x1p-54, 0x1p-60,
                         std::nextafter(0x1p-53, inf), std::nextafter(-0x1p-54, -inf), -0x1.1D5C2DAEBE367p4,
                         0x1.83D4BCDEBB3F4p2})
    EXPECT_TRUE(identical(exp_rounded(x), exact_exp(binary64, x))) << std::hexfloat << x;
  for (const double x :
       {0x1.62A88613629B5p678, 0x1.AB50B409C8AEEp8, 0x1.EA71D85CEE020p509, std::nextafter(1, inf),
        std::nextafter(1, -inf), 0x1p-1074, 0x1.6A09E667F3BCCp-1, 0x1.6A09E667F3BCDp-1})
    EXPECT_TRUE(identical(log_rounded(x), exact_log(binary64, x))) << std::hexfloat << x;
}

/// |result - exact| in units of the last place of a half.
double error_in_half_ulps(double result, double exact) {
  const int exponent = exact == 0 ? binary16.emin : std::max(std::ilogb(exact), binary16.emin);
  return std::fabs(result - exact) * std::ldexp(1.0, binary16.precision - 1 - exponent);
}

// Rounding to binary32 first may turn a near tie into a tie; log(0x1.5ep-8) is one.
TEST(Elementary, every_half_is_within_its_stated_error_in_fp16_strict) {
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const float x = binary16_value(static_cast<std::uint16_t>(bits));
    const double e = exact_exp(binary64, x), l = exact_log(binary64, x);
    if (std::isfinite(Fp16Strict::exp(x))) {
      ASSERT_LE(error_in_half_ulps(Fp16Strict::exp(x), e), 0.5001) << std::hexfloat << x;
    } else {
      ASSERT_TRUE(identical(Fp16Strict::exp(x), exact_exp(binary16, x))) << std::hexfloat << x;
    }
    if (std::isfinite(l)) {
      ASSERT_LE(error_in_half_ulps(Fp16Strict::log(x), l), 0.5001) << std::hexfloat << x;
    } else {
      ASSERT_TRUE(identical(Fp16Strict::log(x), l)) << std::hexfloat << x;
    }
  }
}

template <class Real>
void expect_special_values() {
  constexpr Real inf = std::numeric_limits<Real>::infinity(), nan = std::numeric_limits<Real>::quiet_NaN();
  constexpr Real tiny = std::numeric_limits<Real>::denorm_min();
  EXPECT_EQ(exp_rounded(Real(0)), 1);
  EXPECT_EQ(exp_rounded(-Real(0)), 1);
  EXPECT_EQ(exp_rounded(tiny), 1);
  EXPECT_EQ(exp_rounded(inf), inf);
  EXPECT_EQ(exp_rounded(Real(1e5)), inf);
  EXPECT_TRUE(identical(exp_rounded(-inf), 0));
  EXPECT_TRUE(identical(exp_rounded(Real(-1e5)), 0));
  EXPECT_TRUE(std::isnan(exp_rounded(nan)));
  EXPECT_TRUE(identical(log_rounded(Real(1)), 0));
  EXPECT_EQ(log_rounded(Real(0)), -inf);
  EXPECT_EQ(log_rounded(-Real(0)), -inf);
  EXPECT_EQ(log_rounded(inf), inf);
  EXPECT_TRUE(std::isnan(log_rounded(Real(-1))));
  EXPECT_TRUE(std::isnan(log_rounded(-inf)));
  EXPECT_TRUE(std::isnan(log_rounded(nan)));
}

TEST(Elementary, special_values_are_those_of_the_real_functions) {
  expect_special_values<float>();
  expect_special_values<double>();
}

TEST(Elementary, results_in_the_subnormal_range_are_kept) {
  EXPECT_EQ(exp_rounded(-103.5f), static_cast<float>(exact_exp(binary32, -103.5)));
  EXPECT_GT(exp_rounded(-103.5f), 0);
  EXPECT_GT(exp_rounded(-745.0), 0);
}

}  // namespace
}  // namespace gradzone
