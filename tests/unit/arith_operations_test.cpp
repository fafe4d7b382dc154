// Every accumulator operation of every format against MPFR: one rounding, to nearest even, subnormals kept.
#include <gtest/gtest.h>

#include <cmath>

#include "gradzone/arith/formats.hpp"
#include "support/mpfr_oracle.hpp"

namespace gradzone {
namespace {

using testing::BinaryFormat;
using testing::identical;
using testing::Mpfr;
using testing::random_value;
using testing::rounded;

template <class List>
struct TestTypes;
template <class... F>
struct TestTypes<TypeList<F...>> {
  using Types = ::testing::Types<F...>;
};

template <class F>
class AccumulatorOperations : public ::testing::Test {
 protected:
  using Real = typename F::Real;
  static constexpr BinaryFormat format{F::accumulator_precision, F::accumulator_emin, F::accumulator_emax};

  static Real operand(RandomStream& random) { return static_cast<Real>(random_value(format, random)); }

  /// 40,000 random pairs, and as many of a number with a close relative of itself: sums that cancel.
  template <class Actual, class Expected>
  static void expect_binary(const char* stream, const Actual& actual, const Expected& expected) {
    RandomStream random(1, stream);
    for (int i = 0; i < 80000; ++i) {
      const Real a = operand(random);
      const Real b = i % 2 == 0
                         ? operand(random)
                         : static_cast<Real>(rounded(
                               format, -a * (1 + std::ldexp(1.0, -static_cast<int>(random.below(12))))));
      const double exact = rounded(format, [&](mpfr_ptr out) { return expected(out, Mpfr(a), Mpfr(b)); });
      ASSERT_TRUE(identical(actual(a, b), exact))
          << std::hexfloat << a << ", " << b << ": " << actual(a, b) << " instead of " << exact;
    }
  }
};
TYPED_TEST_SUITE(AccumulatorOperations, TestTypes<FormatList>::Types, );

TYPED_TEST(AccumulatorOperations, add_rounds_once) {
  this->expect_binary("add", TypeParam::add,
                      [](mpfr_ptr out, Mpfr&& a, Mpfr&& b) { return mpfr_add(out, a, b, MPFR_RNDN); });
}
TYPED_TEST(AccumulatorOperations, sub_rounds_once) {
  this->expect_binary("sub", TypeParam::sub,
                      [](mpfr_ptr out, Mpfr&& a, Mpfr&& b) { return mpfr_sub(out, a, b, MPFR_RNDN); });
}
TYPED_TEST(AccumulatorOperations, mul_rounds_once) {
  this->expect_binary("mul", TypeParam::mul,
                      [](mpfr_ptr out, Mpfr&& a, Mpfr&& b) { return mpfr_mul(out, a, b, MPFR_RNDN); });
}
TYPED_TEST(AccumulatorOperations, div_rounds_once) {
  this->expect_binary("div", TypeParam::div,
                      [](mpfr_ptr out, Mpfr&& a, Mpfr&& b) { return mpfr_div(out, a, b, MPFR_RNDN); });
}

TYPED_TEST(AccumulatorOperations, sqrt_rounds_once) {
  RandomStream random(2, "sqrt");
  for (int i = 0; i < 40000; ++i) {
    const auto a = this->operand(random);
    const double exact =
        rounded(this->format, [&](mpfr_ptr out) { return mpfr_sqrt(out, Mpfr(a), MPFR_RNDN); });
    ASSERT_TRUE(identical(TypeParam::sqrt(a), exact)) << std::hexfloat << a;
  }
}

// The addend is often within a few bits of the product or far below it: cancellation, ties, and the double
// roundings that a product and a sum in a wider format would suffer.
TYPED_TEST(AccumulatorOperations, fma_rounds_once) {
  using Carrier = typename TypeParam::Real;
  const BinaryFormat accumulator = this->format;
  RandomStream random(3, "fma");
  for (int i = 0; i < 200000; ++i) {
    const Carrier a = this->operand(random), b = this->operand(random);
    Carrier c = this->operand(random);
    const double product = static_cast<double>(a) * static_cast<double>(b);
    if (i % 2 == 0 && std::isfinite(product)) {
      const int shift =
          static_cast<int>(random.below(static_cast<std::uint64_t>(4 * accumulator.precision))) -
          2 * accumulator.precision;
      const double factor = i % 4 == 0 ? -1 : 1 + std::ldexp(std::floor(random.uniform() * 16), -4);
      c = static_cast<Carrier>(rounded(accumulator, std::ldexp(product, shift) * factor));
    }
    const double exact = rounded(
        accumulator, [&](mpfr_ptr out) { return mpfr_fma(out, Mpfr(a), Mpfr(b), Mpfr(c), MPFR_RNDN); });
    ASSERT_TRUE(identical(TypeParam::fma(a, b, c), exact))
        << std::hexfloat << a << " * " << b << " + " << c << ": " << TypeParam::fma(a, b, c) << " instead of "
        << exact;
  }
}

TEST(StrictHalf, fma_is_not_a_rounded_product_and_a_rounded_sum) {
  // 1.5 * (1 + 2^-10) = 1.5 + 1.5 * 2^-10 is half-way between two halves; the small addend decides.
  const float a = 1.5f, b = 1 + 0x1p-10f;
  EXPECT_EQ(Fp16Strict::mul(a, b), 1.5f + 0x1p-9f);
  EXPECT_EQ(Fp16Strict::fma(a, b, -0x1p-24f), 1.5f + 0x1p-10f);
  EXPECT_EQ(Fp16Strict::fma(a, b, 0x1p-24f), 1.5f + 0x1p-9f);
}

TEST(StrictHalf, fma_keeps_what_a_binary32_sum_would_lose) {
  // a * b = 2^-11 - 2^-31, so a * b + c lies just below the middle of two halves; binary32 rounds it to the
  // middle.
  const float a = (1 + 0x1p-10f) * 0x1p-5f, b = (1 - 0x1p-10f) * 0x1p-6f, c = 1 + 0x1p-10f;
  EXPECT_EQ(Fp16Strict::store(std::fma(a, b, c)), 1 + 0x1p-9f);
  EXPECT_EQ(Fp16Strict::fma(a, b, c), c);
}

TEST(Scalars, are_binary32_in_16_bit_formats_and_binary64_in_fp64) {
  EXPECT_EQ(Fp64::scalar(0.1), 0.1);
  EXPECT_EQ(Fp32::scalar(0.1), 0.1f);
  EXPECT_EQ(Fp16::scalar(0.1), 0.1f);
  EXPECT_EQ(Bf16::scalar(0.1), 0.1f);
  EXPECT_EQ(Fp16Strict::scalar(0.1), 0.1f);
  EXPECT_EQ(round_to_scalar(FormatId::bf16, 0.1), static_cast<double>(0.1f));
  EXPECT_EQ(round_to_storage(FormatId::bf16, 0.1), 0.10009765625);
}

}  // namespace
}  // namespace gradzone
