// Conversions into the 16-bit formats: every 16-bit pattern, every boundary between neighbours, and MPFR for
// the rest.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "gradzone/arith/formats.hpp"
#include "support/mpfr_oracle.hpp"

namespace gradzone {
namespace {

using testing::BinaryFormat;
using testing::identical;
using testing::rounded;

struct Half {
  static constexpr BinaryFormat format{11, -14, 15};
  static constexpr std::uint16_t infinity = 0x7C00;
  static float value(std::uint16_t bits) { return binary16_value(bits); }
  static std::uint16_t bits(float x) { return binary16_bits(x); }
  static float round(float x) { return round_to_binary16(x); }
  static float round(double x) { return Fp16::from_double(x); }
};

struct Bfloat {
  static constexpr BinaryFormat format{8, -126, 127};
  static constexpr std::uint16_t infinity = 0x7F80;
  static float value(std::uint16_t bits) { return bfloat16_value(bits); }
  static std::uint16_t bits(float x) { return bfloat16_bits(x); }
  static float round(float x) { return round_to_bfloat16(x); }
  static float round(double x) { return Bf16::from_double(x); }
};

template <class Format>
class SixteenBits : public ::testing::Test {};
using SixteenBitFormats = ::testing::Types<Half, Bfloat>;
TYPED_TEST_SUITE(SixteenBits, SixteenBitFormats, );

/// Calls check(bits) for all 2^16 patterns until the first failure.
template <class Check>
void for_every_pattern(const Check& check) {
  for (std::uint32_t bits = 0; bits < 0x10000u && !::testing::Test::HasFailure(); ++bits) {
    check(static_cast<std::uint16_t>(bits));
  }
}

TYPED_TEST(SixteenBits, every_pattern_survives_the_way_to_its_value_and_back) {
  for_every_pattern([](std::uint16_t bits) {
    const float value = TypeParam::value(bits);
    if ((bits & 0x7FFF) > TypeParam::infinity) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_TRUE(std::isnan(TypeParam::value(TypeParam::bits(value)))) << bits;
      EXPECT_TRUE(std::isnan(TypeParam::round(value))) << bits;
      return;
    }
    EXPECT_EQ(TypeParam::bits(value), bits);
    EXPECT_TRUE(identical(TypeParam::round(value), value)) << bits;
    EXPECT_TRUE(identical(TypeParam::round(static_cast<double>(value)), value)) << bits;
  });
}

TYPED_TEST(SixteenBits, values_grow_with_their_patterns) {
  EXPECT_EQ(TypeParam::value(0), 0);
  EXPECT_EQ(TypeParam::value(1), std::ldexp(1.0, TypeParam::format.emin - TypeParam::format.precision + 1));
  EXPECT_TRUE(std::isinf(TypeParam::value(TypeParam::infinity)));
  for (std::uint16_t bits = 0; bits < TypeParam::infinity; ++bits) {
    ASSERT_LT(TypeParam::value(bits), TypeParam::value(static_cast<std::uint16_t>(bits + 1)));
    ASSERT_EQ(TypeParam::value(static_cast<std::uint16_t>(bits | 0x8000)), -TypeParam::value(bits));
  }
}

/// The midpoint of a value and its successor goes to the even one, its neighbours (one ulp of X away) to the
/// nearer.
template <class Format, class X>
void expect_boundaries_rounded() {
  const double beyond_largest = std::ldexp(1.0, Format::format.emax + 1);
  for (std::uint16_t bits = 0; bits < Format::infinity; ++bits) {
    const std::uint16_t next = static_cast<std::uint16_t>(bits + 1);
    const double low = Format::value(bits);
    const double high = next == Format::infinity ? beyond_largest : static_cast<double>(Format::value(next));
    const X middle = static_cast<X>((low + high) / 2);
    const X below = std::nextafter(middle, X(0)),
            above = std::nextafter(middle, std::numeric_limits<X>::infinity());
    const std::uint16_t even = bits % 2 == 0 ? bits : next;
    for (const X sign : {X(1), X(-1)}) {
      const std::uint16_t sign_bit = sign < 0 ? 0x8000 : 0;
      ASSERT_EQ(Format::bits(Format::round(sign * middle)), even | sign_bit) << "middle above " << low;
      ASSERT_EQ(Format::bits(Format::round(sign * below)), bits | sign_bit)
          << "below the middle above " << low;
      ASSERT_EQ(Format::bits(Format::round(sign * above)), next | sign_bit)
          << "above the middle above " << low;
    }
  }
}

TYPED_TEST(SixteenBits, every_boundary_between_neighbours_is_exact_from_binary32) {
  expect_boundaries_rounded<TypeParam, float>();
}

TYPED_TEST(SixteenBits, every_boundary_between_neighbours_is_exact_from_binary64) {
  expect_boundaries_rounded<TypeParam, double>();
}

TYPED_TEST(SixteenBits, random_floats_round_as_mpfr_rounds_them) {
  RandomStream random(1, "rounding");
  for (int i = 0; i < 200000; ++i) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()));
    ASSERT_TRUE(identical(TypeParam::round(x), rounded(TypeParam::format, x))) << std::hexfloat << x;
  }
}

TYPED_TEST(SixteenBits, random_doubles_round_as_mpfr_rounds_them) {
  RandomStream random(2, "rounding");
  for (int i = 0; i < 200000; ++i) {
    const double any = std::bit_cast<double>(random.bits());
    const double near = std::ldexp(random.uniform(-2, 2), static_cast<int>(random.below(60)) - 40);
    for (const double x : {any, near}) {
      ASSERT_TRUE(identical(TypeParam::round(x), rounded(TypeParam::format, x))) << std::hexfloat << x;
    }
  }
}

TEST(RoundToPrecision, rounds_as_mpfr_for_any_precision_and_exponent_range) {
  RandomStream random(3, "rounding");
  for (const BinaryFormat format :
       {BinaryFormat{24, -126, 127}, BinaryFormat{53, -1022, 1023}, BinaryFormat{4, -6, 8},
        BinaryFormat{3, -14, 15}, BinaryFormat{11, -126, 127}}) {
    for (int i = 0; i < 50000; ++i) {
      const double any = std::bit_cast<double>(random.bits());
      const double near = std::ldexp(random.uniform(-2, 2), static_cast<int>(random.below(60)) - 40);
      for (const double x : {any, near}) {
        ASSERT_TRUE(
            identical(round_to_precision(x, format.precision, format.emin, format.emax), rounded(format, x)))
            << std::hexfloat << x << " to " << format.precision << " bits";
      }
    }
  }
}

}  // namespace
}  // namespace gradzone
