// Laws that every format obeys. A new entry of FormatList is tested here without another line.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/random.hpp"

namespace gradzone {
namespace {

template <class List>
struct TestTypes;
template <class... F>
struct TestTypes<TypeList<F...>> {
  using Types = ::testing::Types<F...>;
};

bool identical(double a, double b) {
  return (a == b && std::signbit(a) == std::signbit(b)) || (a != a && b != b);
}

template <class F>
class FormatLaws : public ::testing::Test {
 protected:
  using Real = typename F::Real;
  static constexpr int samples = 20000;
  RandomStream random{1, "format laws"};

  /// Any double, or one of a magnitude that the format holds.
  double any_double() {
    if (random.below(4) == 0) return std::bit_cast<double>(random.bits());
    const int range = F::emax - F::emin + F::precision + 4;
    const int exponent =
        F::emin - F::precision - 2 + static_cast<int>(random.below(static_cast<std::uint64_t>(range)));
    return std::ldexp(random.uniform(-2, 2), exponent);
  }
  Real storage_value() { return F::from_double(any_double()); }
  Real finite_storage_value() {
    while (true) {
      const Real x = storage_value();
      if (std::isfinite(x)) return x;
    }
  }
  /// Moderate: neither sums nor products of two of them overflow or become subnormal.
  Real moderate_value() { return F::from_double(random.uniform(-4, 4)); }
  /// An accumulator value: a sum or product of storage values.
  Real accumulator_value() { return F::fma(moderate_value(), moderate_value(), storage_value()); }
};
TYPED_TEST_SUITE(FormatLaws, TestTypes<FormatList>::Types, );

TYPED_TEST(FormatLaws, the_list_knows_each_format_by_its_id) {
  EXPECT_TRUE(visit_format(TypeParam::id,
                           [](auto f) { return std::is_same_v<typename decltype(f)::type, TypeParam>; }));
}

TYPED_TEST(FormatLaws, the_carrier_holds_storage_and_accumulator) {
  using Limits = std::numeric_limits<typename TypeParam::Real>;
  EXPECT_LE(TypeParam::precision, TypeParam::accumulator_precision);
  EXPECT_LE(TypeParam::accumulator_precision, Limits::digits);
  EXPECT_GE(TypeParam::emin, TypeParam::accumulator_emin);
  EXPECT_LE(TypeParam::emax, TypeParam::accumulator_emax);
  EXPECT_GE(TypeParam::accumulator_emin, Limits::min_exponent - 1);
  EXPECT_LE(TypeParam::accumulator_emax, Limits::max_exponent - 1);
}

TYPED_TEST(FormatLaws, store_is_idempotent) {
  for (int i = 0; i < this->samples; ++i) {
    const auto once = TypeParam::store(this->accumulator_value());
    ASSERT_TRUE(identical(TypeParam::store(once), once)) << once;
    const auto value = this->storage_value();
    ASSERT_TRUE(identical(TypeParam::store(value), value)) << value;
  }
}

TYPED_TEST(FormatLaws, store_is_monotone) {
  for (int i = 0; i < this->samples; ++i) {
    const auto a = this->accumulator_value(), b = this->accumulator_value();
    if (a <= b) {
      ASSERT_FALSE(TypeParam::store(a) > TypeParam::store(b)) << a << ", " << b;
    }
    const auto next = std::nextafter(a, std::numeric_limits<typename TypeParam::Real>::infinity());
    ASSERT_FALSE(TypeParam::store(a) > TypeParam::store(next)) << a;
  }
}

TYPED_TEST(FormatLaws, store_and_from_double_are_symmetric) {
  for (int i = 0; i < this->samples; ++i) {
    const auto a = this->accumulator_value();
    ASSERT_TRUE(identical(TypeParam::store(-a), -TypeParam::store(a))) << a;
    const double x = this->any_double();
    ASSERT_TRUE(identical(TypeParam::from_double(-x), -TypeParam::from_double(x))) << x;
  }
}

TYPED_TEST(FormatLaws, from_double_is_the_plain_rounding) {
  for (int i = 0; i < this->samples; ++i) {
    const double x = this->any_double();
    ASSERT_TRUE(identical(TypeParam::from_double(x),
                          round_to_precision(x, TypeParam::precision, TypeParam::emin, TypeParam::emax)))
        << std::hexfloat << x;
  }
}

TYPED_TEST(FormatLaws, store_agrees_with_from_double) {
  for (int i = 0; i < this->samples; ++i) {
    const auto a = this->accumulator_value();
    ASSERT_TRUE(identical(TypeParam::store(a), TypeParam::from_double(static_cast<double>(a))))
        << std::hexfloat << a;
  }
}

TYPED_TEST(FormatLaws, from_double_errs_by_half_an_ulp_at_most) {
  const double half_of_smallest = std::ldexp(1.0, TypeParam::emin - TypeParam::precision);
  for (int i = 0; i < this->samples; ++i) {
    const double x = this->random.uniform(-4, 4);
    const double error = std::fabs(static_cast<double>(TypeParam::from_double(x)) - x);
    ASSERT_LE(error, std::max(half_of_smallest, std::fabs(x) * std::ldexp(1.0, -TypeParam::precision))) << x;
  }
}

TYPED_TEST(FormatLaws, the_ends_of_the_range_are_where_they_should_be) {
  const double largest = std::ldexp(2 - std::ldexp(1.0, 1 - TypeParam::precision), TypeParam::emax);
  const double smallest = std::ldexp(1.0, TypeParam::emin - TypeParam::precision + 1);
  EXPECT_EQ(TypeParam::from_double(largest), largest);
  EXPECT_EQ(TypeParam::from_double(smallest), smallest);
  EXPECT_TRUE(identical(TypeParam::from_double(-smallest / 4), -0.0));
  EXPECT_TRUE(std::isinf(TypeParam::from_double(std::numeric_limits<double>::infinity())));
  EXPECT_TRUE(std::isnan(TypeParam::from_double(std::numeric_limits<double>::quiet_NaN())));
}

TYPED_TEST(FormatLaws, operations_stay_in_the_accumulator) {
  for (int i = 0; i < this->samples; ++i) {
    const auto a = this->finite_storage_value(), b = this->finite_storage_value();
    for (const auto result : {TypeParam::add(a, b), TypeParam::mul(a, b), TypeParam::fma(a, b, a)}) {
      const double x = static_cast<double>(result);
      ASSERT_TRUE(identical(x, round_to_precision(x, TypeParam::accumulator_precision,
                                                  TypeParam::accumulator_emin, TypeParam::accumulator_emax)));
    }
  }
}

TYPED_TEST(FormatLaws, fma_contains_addition_and_multiplication) {
  for (int i = 0; i < this->samples; ++i) {
    const auto a = this->storage_value(), b = this->storage_value();
    ASSERT_TRUE(identical(TypeParam::fma(a, 1, b), TypeParam::add(a, b))) << a << ", " << b;
    const auto product = TypeParam::mul(a, b);
    const typename TypeParam::Real minus_zero =
        std::signbit(product) ? -0.0f : 0.0f;  // keeps the sign of a zero product
    ASSERT_TRUE(identical(TypeParam::fma(a, b, minus_zero), product)) << a << ", " << b;
  }
}

TYPED_TEST(FormatLaws, operations_commute_and_mirror) {
  for (int i = 0; i < this->samples; ++i) {
    const auto a = this->storage_value(), b = this->storage_value(), c = this->storage_value();
    ASSERT_TRUE(identical(TypeParam::add(a, b), TypeParam::add(b, a)));
    ASSERT_TRUE(identical(TypeParam::mul(a, b), TypeParam::mul(b, a)));
    ASSERT_TRUE(identical(TypeParam::fma(a, b, c), TypeParam::fma(b, a, c)));
    ASSERT_TRUE(identical(TypeParam::mul(-a, b), -TypeParam::mul(a, b)));
    ASSERT_TRUE(identical(TypeParam::sub(a, b), TypeParam::add(a, -b)));
  }
}

// Sterbenz: if b / 2 <= a <= 2 b, then a - b is exact.
TYPED_TEST(FormatLaws, close_numbers_are_subtracted_exactly) {
  for (int i = 0; i < this->samples; ++i) {
    const auto b = this->finite_storage_value();
    const auto a = TypeParam::from_double(static_cast<double>(b) * this->random.uniform(0.5, 2));
    const double low = std::fabs(static_cast<double>(b)) / 2, size = std::fabs(static_cast<double>(a));
    if (!(size >= low && size <= 4 * low)) continue;
    const long double exact = static_cast<long double>(a) - static_cast<long double>(b);
    ASSERT_EQ(static_cast<long double>(TypeParam::sub(a, b)), exact) << std::hexfloat << a << ", " << b;
  }
}

TYPED_TEST(FormatLaws, numbers_times_one_and_over_themselves_are_exact) {
  for (int i = 0; i < this->samples; ++i) {
    const auto a = this->storage_value();
    ASSERT_TRUE(identical(TypeParam::mul(a, 1), a));
    ASSERT_TRUE(identical(TypeParam::div(a, 1), a));
    ASSERT_TRUE(identical(TypeParam::add(a, -0.0f), a));
    if (std::isfinite(a) && a != 0) {
      ASSERT_EQ(TypeParam::div(a, a), 1);
      ASSERT_TRUE(identical(TypeParam::sub(a, a), 0));
    }
  }
}

TYPED_TEST(FormatLaws, square_roots_of_squares_are_exact) {
  for (int i = 0; i < this->samples; ++i) {
    const auto a = TypeParam::from_double(std::floor(this->random.uniform(0, 16)));
    ASSERT_EQ(TypeParam::sqrt(TypeParam::mul(a, a)), a);
  }
}

}  // namespace
}  // namespace gradzone
