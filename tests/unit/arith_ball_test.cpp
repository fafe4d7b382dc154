#include <gtest/gtest.h>

#include <boost/multiprecision/gmp.hpp>
#include <cmath>
#include <limits>

#include "gradzone/arith/ball.hpp"
#include "gradzone/base/random.hpp"

namespace gradzone {
namespace {

using Rational = boost::multiprecision::mpq_rational;

Rational rational(double x) {
  Rational out;
  mpq_set_d(out.backend().data(), x);
  return out;
}

Rational rational(const BigFloat& x) {
  Rational out;
  mpfr_get_q(out.backend().data(), x.get());
  return out;
}

Rational rational(Magnitude m) {
  const Rational mantissa = rational(m.mantissa());
  boost::multiprecision::mpz_int power = 1;
  power <<= static_cast<unsigned>(std::llabs(m.exponent()));
  return m.exponent() < 0 ? Rational(mantissa / power) : Rational(mantissa * power);
}

bool contains(const Ball& ball, const Rational& x) {
  return ball.rad.is_infinite() || abs(x - rational(ball.mid)) <= rational(ball.rad);
}

/// Numbers of many sizes, with zeros, small whole numbers and one-ulp neighbours among them.
double random_double(RandomStream& random) {
  switch (random.below(6)) {
    case 0:
      return 0;
    case 1:
      return static_cast<double>(random.below(9)) - 4;
    case 2:
      return std::nextafter(1.0, random.uniform() < 0.5 ? 0.0 : 2.0);
    default:
      return std::ldexp(random.uniform(-1, 1), static_cast<int>(random.below(81)) - 40);
  }
}

/// A ball around x that is exact, tight or wide, and not centred.
Ball random_ball(RandomStream& random, double x) {
  Ball ball(x);
  const auto kind = random.below(3);
  if (kind == 0) return ball;
  const double radius = std::ldexp(random.uniform(), kind == 1 ? -60 : -3);
  ball.mid = BigFloat::exactly(x + radius * random.uniform(-0.5, 0.5));
  ball.rad = Magnitude::of(radius) + Magnitude::of(x) * Magnitude::power_of_two(-52);
  return ball;
}

TEST(Ball, OperationsContainTheExactResult) {
  constexpr std::uint64_t seed = 20240501;
  SCOPED_TRACE(seed);
  for (std::uint64_t trial = 0; trial < 20000; ++trial) {
    RandomStream random(seed, "balls", trial);
    const double x = random_double(random), y = random_double(random);
    const Ball a = random_ball(random, x), b = random_ball(random, y);
    const Rational p = rational(x), q = rational(y);
    const int bits = 24 + static_cast<int>(random.below(120));
    ASSERT_TRUE(contains(a, p) && contains(b, q)) << trial;
    EXPECT_TRUE(contains(add(a, b, bits), p + q)) << trial;
    EXPECT_TRUE(contains(subtract(a, b, bits), p - q)) << trial;
    EXPECT_TRUE(contains(multiply(a, b, bits), p * q)) << trial;
    EXPECT_TRUE(contains(divide(a, 7ul, bits), p / 7)) << trial;
    EXPECT_TRUE(contains(negate(a), -p)) << trial;
    EXPECT_TRUE(contains(maximum(a, b, bits), p < q ? q : p)) << trial;
    if (y != 0) {
      EXPECT_TRUE(contains(divide(a, b, bits), p / q)) << trial;
    }
    const Certain<int> order = compare(a, b);
    if (order.is_known()) {
      EXPECT_EQ(order.value(), p.compare(q)) << trial;
    }
    BallSum sum(bits);
    sum.add_product(a, b);
    sum.add(a);
    EXPECT_TRUE(contains(sum.take(), p * q + p)) << trial;
  }
}

TEST(Ball, SquareRootsContainTheRootOfEverySquare) {
  for (std::uint64_t trial = 0; trial < 5000; ++trial) {
    RandomStream random(7, "roots", trial);
    const double root = std::fabs(random_double(random));
    Ball square = multiply(Ball(root), Ball(root), 200);
    if (random.below(2) == 0) square.rad = Magnitude::power_of_two(-static_cast<int>(random.below(100)));
    EXPECT_TRUE(contains(square_root(square, 64), rational(root))) << trial;
  }
}

TEST(Ball, StaysExactWhileThePrecisionSuffices) {
  BallSum sum(128);
  for (int i = 0; i < 100; ++i) sum.add_product(Ball(0x1.fffffep0), Ball(0x1.fffffep-20));
  EXPECT_TRUE(sum.take().is_exact());
  EXPECT_FALSE(add(Ball(1), Ball(0x1p-200), 128).is_exact());
}

TEST(Ball, ExponentialAndLogarithmEncloseEachOther) {
  for (const double x : {-700.0, -1.0, -0x1p-60, 0.0, 0x1p-30, 1.0, 10.0}) {
    const Ball back = logarithm(exponential(Ball(x), 128), 128);
    EXPECT_TRUE(contains(back, rational(x))) << x;
    EXPECT_LT(back.rad, Magnitude::power_of_two(-100)) << x;
  }
  // Far below what binary64 can hold; the enclosure stays tiny and true.
  const Ball tiny = exponential(Ball(-1e18), 128);
  EXPECT_LT(tiny.rad, Magnitude::power_of_two(-1000000));
  EXPECT_TRUE(logarithm(Ball(0.0), 64).rad.is_infinite());
  EXPECT_TRUE(divide(Ball(1), Ball(0.0), 64).rad.is_infinite());
}

TEST(Ball, DoubtIsNeverAVerdict) {
  Ball around_zero(0.5);
  around_zero.rad = Magnitude::of(0.5);
  EXPECT_FALSE(sign(around_zero).is_known());
  around_zero.rad = Magnitude::of(0.499);
  EXPECT_TRUE(sign(around_zero).certainly(1));
  Ball infinite(1);
  infinite.rad = Magnitude::infinity();
  EXPECT_FALSE(sign(infinite).is_known());
  EXPECT_FALSE(compare(infinite, Ball(0.0)).is_known());
  EXPECT_EQ(absolute_bounds(around_zero).first, bounds(around_zero).first);
}

TEST(Magnitude, OperationsNeverRoundDown) {
  for (std::uint64_t trial = 0; trial < 20000; ++trial) {
    RandomStream random(3, "magnitudes", trial);
    const double x = std::fabs(random_double(random)), y = std::fabs(random_double(random));
    const Magnitude a = Magnitude::of(x), b = Magnitude::of(y);
    EXPECT_GE(rational(a + b), rational(x) + rational(y)) << trial;
    EXPECT_GE(rational(a * b), rational(x) * rational(y)) << trial;
    const Rational root = rational(a.square_root());
    EXPECT_GE(Rational(root * root), rational(x)) << trial;
    EXPECT_EQ(a < b, x < y) << trial;
    EXPECT_GE(a.to_double(), x) << trial;
  }
  EXPECT_TRUE((Magnitude::infinity() + Magnitude::of(1)).is_infinite());
  EXPECT_TRUE((Magnitude::infinity() * Magnitude()).is_zero());
}

}  // namespace
}  // namespace gradzone
