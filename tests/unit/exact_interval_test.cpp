// MpfrInterval against exact rationals: every operation contains the result of every pair of points inside
// its operands, and its ends are the nearest ones that do.
#include <gtest/gtest.h>

#include <boost/multiprecision/gmp.hpp>
#include <functional>

#include "gradzone/base/random.hpp"
#include "gradzone/exact/fast/interval.hpp"

namespace gradzone {
namespace {

using Rational =
    boost::multiprecision::number<boost::multiprecision::gmp_rational, boost::multiprecision::et_off>;

Rational exact(const BigFloat& x) {
  Rational out;
  mpfr_get_q(out.backend().data(), x.get());
  return out;
}

BigFloat scaled(double x, mpfr_exp_t exponent) {
  BigFloat out = BigFloat::exactly(x);
  mpfr_mul_2si(out.get(), out.get(), exponent, MPFR_RNDN);
  return out;
}

MpfrInterval between(BigFloat low, BigFloat high) {
  MpfrInterval out;
  out.low = std::move(low);
  out.high = std::move(high);
  return out;
}
MpfrInterval between(double low, double high) {
  return between(scaled(low, 0), scaled(high, 0));
}

bool is_whole_line(const MpfrInterval& x) {
  return mpfr_inf_p(x.low.get()) && x.low.sign() < 0 && mpfr_inf_p(x.high.get()) && x.high.sign() > 0;
}

/// A number of up to 90 bits; often zero, a power of two, or an ulp from one; exponents up to 2^+-spread.
BigFloat random_number(RandomStream& random, int spread) {
  BigFloat out(90);
  const auto kind = random.below(8);
  if (kind == 0) return out;
  mpfr_set_si(out.get(), random.below(2) == 0 ? 1 : -1, MPFR_RNDN);
  if (kind == 1) mpfr_nextabove(out.get());
  if (kind == 2) mpfr_nextbelow(out.get());
  if (kind > 3) {
    mpfr_mul_d(out.get(), out.get(), random.uniform(0.5, 2), MPFR_RNDN);
    mpfr_mul_d(out.get(), out.get(), random.uniform(0.5, 2), MPFR_RNDN);
  }
  mpfr_mul_2si(out.get(), out.get(),
               static_cast<long>(random.below(static_cast<std::uint64_t>(2 * spread + 1))) - spread,
               MPFR_RNDN);
  return out;
}

/// A point, two numbers an ulp apart, or the two numbers in order, of either sign.
MpfrInterval random_interval(RandomStream& random, int spread) {
  BigFloat a = random_number(random, spread), b = random_number(random, spread);
  const auto kind = random.below(4);
  if (kind == 0) b = a;
  if (kind == 1 && !a.is_zero()) {  // zero's neighbours are no numbers to do rational arithmetic on
    b = a;
    mpfr_nextabove(b.get());
  }
  if (mpfr_greater_p(a.get(), b.get())) std::swap(a, b);
  return between(std::move(a), std::move(b));
}

Rational random_point(RandomStream& random, const MpfrInterval& x) {
  const Rational low = exact(x.low), high = exact(x.high);
  const auto part = random.below(5);  // the ends more often than not
  return low + (high - low) * (part < 2 ? Rational(0) : part < 4 ? Rational(1) : Rational(1, 3));
}

void expect_contains(const MpfrInterval& x, const Rational& value) {
  EXPECT_LE(exact(x.low), value);
  EXPECT_GE(exact(x.high), value);
}

/// The smallest interval of `bits` bits around [low, high].
void expect_sharp(const MpfrInterval& x, const Rational& low, const Rational& high, int bits) {
  expect_contains(x, low);
  expect_contains(x, high);
  EXPECT_EQ(x.low.bits(), bits);
  EXPECT_EQ(x.high.bits(), bits);
  MpfrInterval inner = x;
  mpfr_nextabove(inner.low.get());
  mpfr_nextbelow(inner.high.get());
  EXPECT_GT(mpfr_cmp_q(inner.low.get(), low.backend().data()), 0);
  EXPECT_LT(mpfr_cmp_q(inner.high.get(), high.backend().data()), 0);
}

using Operation = MpfrInterval (*)(const MpfrInterval&, const MpfrInterval&, int);
using OnRationals = std::function<Rational(const Rational&, const Rational&)>;

void expect_contains_corners_and_points(Operation op, const OnRationals& on_rationals, const MpfrInterval& a,
                                        const MpfrInterval& b, int bits, RandomStream& random) {
  const MpfrInterval result = op(a, b, bits);
  Rational low, high;
  bool first = true;
  for (const BigFloat* x : {&a.low, &a.high})
    for (const BigFloat* y : {&b.low, &b.high}) {
      const Rational corner = on_rationals(exact(*x), exact(*y));
      low = first ? corner : std::min(low, corner);
      high = first ? corner : std::max(high, corner);
      first = false;
    }
  expect_sharp(result, low, high, bits);
  expect_contains(result, on_rationals(random_point(random, a), random_point(random, b)));
}

TEST(MpfrInterval, contains_sums_differences_products_and_quotients_and_no_more) {
  for (std::uint64_t seed = 0; seed < 3000 && !HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomStream random(seed, "intervals");
    const int spread = seed % 3 == 0 ? 1500 : 3, bits = 2 + static_cast<int>(random.below(200));
    const MpfrInterval a = random_interval(random, spread), b = random_interval(random, spread);
    expect_contains_corners_and_points(add, std::plus<>(), a, b, bits, random);
    expect_contains_corners_and_points(subtract, std::minus<>(), a, b, bits, random);
    expect_contains_corners_and_points(multiply, std::multiplies<>(), a, b, bits, random);
    if (b.low.sign() <= 0 && b.high.sign() >= 0) {
      EXPECT_TRUE(is_whole_line(divide(a, b, bits)));
    } else {
      expect_contains_corners_and_points(divide, std::divides<>(), a, b, bits, random);
    }
    const MpfrInterval minus = negate(a);
    EXPECT_EQ(exact(minus.low), -exact(a.high));
    EXPECT_EQ(exact(minus.high), -exact(a.low));
  }
}

TEST(MpfrInterval, contains_square_roots_and_no_more) {
  for (std::uint64_t seed = 0; seed < 1000 && !HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomStream random(seed, "roots");
    const MpfrInterval x = random_interval(random, seed % 3 == 0 ? 1500 : 3);
    const int bits = 2 + static_cast<int>(random.below(200));
    const MpfrInterval root = square_root(x, bits);
    const Rational low = std::max(exact(x.low), Rational(0)), high = std::max(exact(x.high), Rational(0));
    EXPECT_GE(root.low.sign(), 0);
    EXPECT_LE(exact(root.low) * exact(root.low), low);
    EXPECT_GE(exact(root.high) * exact(root.high), high);
    EXPECT_EQ(root.low.is_zero(), low == 0);
    EXPECT_EQ(root.high.is_zero(), high == 0);
    MpfrInterval inner = root;
    mpfr_nextabove(inner.low.get());
    mpfr_nextbelow(inner.high.get());
    if (low != 0) {
      EXPECT_GT(exact(inner.low) * exact(inner.low), low);
    }
    if (high == 0) continue;
    EXPECT_LT(exact(inner.high) * exact(inner.high), high);
  }
}

/// Rationals around e^x, |x| <= 1, 2^-400 apart: the Taylor polynomial and its remainder.
std::pair<Rational, Rational> around_exponential(const Rational& x) {
  Rational sum = 0, term = 1;
  for (int n = 1; n <= 80; ++n) {
    sum += term;
    term *= x / n;
  }
  return {sum - 3 * abs(term), sum + 3 * abs(term)};
}

TEST(MpfrInterval, contains_exponentials_and_logarithms) {
  for (std::uint64_t seed = 0; seed < 500 && !HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomStream random(seed, "exponentials");
    const int bits = 2 + static_cast<int>(random.below(200));
    BigFloat a = scaled(random.uniform(-1, 1), random.below(4) == 0 ? -70 : 0), b = a;
    if (seed % 3 != 0) mpfr_set_d(b.get(), random.uniform(-1, 1), MPFR_RNDN);
    if (mpfr_greater_p(a.get(), b.get())) std::swap(a, b);
    const MpfrInterval x = between(a, b), e = exponential(x, bits);
    EXPECT_LE(exact(e.low), around_exponential(exact(a)).second);
    EXPECT_GE(exact(e.high), around_exponential(exact(b)).first);
    const MpfrInterval back = logarithm(e, bits + 20);
    EXPECT_LE(exact(back.low), exact(a));
    EXPECT_GE(exact(back.high), exact(b));
    // log x = y means e^y = x; x in [1/2, 2].
    const MpfrInterval y = between(scaled(random.uniform(0.5, 1), 0), scaled(random.uniform(1, 2), 0)),
                       l = logarithm(y, bits + 2);
    EXPECT_LE(around_exponential(exact(l.low)).first, exact(y.low));
    EXPECT_GE(around_exponential(exact(l.high)).second, exact(y.high));
    // No more than four units of the last place wide on a point.
    const MpfrInterval point = exponential(between(a, a), bits);
    EXPECT_LE(exact(point.high) - exact(point.low), exact(scaled(4, 2 - bits)));
  }
}

TEST(MpfrInterval, is_exact_where_the_result_is_a_number) {
  const MpfrInterval zero = MpfrInterval::exactly(0), one = MpfrInterval::exactly(1),
                     four = MpfrInterval::exactly(4);
  for (const auto& [x, value] : {std::pair{exponential(zero, 53), 1.0},
                                 {logarithm(one, 53), 0.0},
                                 {square_root(four, 53), 2.0},
                                 {divide(one, four, 53), 0.25}}) {
    EXPECT_EQ(mpfr_cmp_d(x.low.get(), value), 0);
    EXPECT_EQ(mpfr_cmp_d(x.high.get(), value), 0);
  }
  EXPECT_TRUE(MpfrInterval(64).is_finite());
}

TEST(MpfrInterval, clips_what_is_known_not_to_be_negative) {
  const MpfrInterval root = square_root(between(-1, 4), 64), none = square_root(between(-3, -1), 64);
  EXPECT_TRUE(root.low.is_zero());
  EXPECT_EQ(mpfr_cmp_si(root.high.get(), 2), 0);
  EXPECT_TRUE(none.low.is_zero() && none.high.is_zero());
  const MpfrInterval log = logarithm(between(-1, 1), 64);
  EXPECT_TRUE(mpfr_inf_p(log.low.get()) && log.low.sign() < 0);
  EXPECT_TRUE(log.high.is_zero());
  EXPECT_FALSE(log.is_finite());
}

TEST(MpfrInterval, of_unbounded_intervals_is_unbounded) {
  const MpfrInterval zero = MpfrInterval::exactly(0), whole = divide(MpfrInterval::exactly(1), zero, 64);
  EXPECT_TRUE(is_whole_line(whole));
  EXPECT_FALSE(whole.is_finite());
  for (const MpfrInterval& x : {zero, between(-1, 1), between(1, 2)}) {
    EXPECT_TRUE(is_whole_line(multiply(x, whole, 64)));
    EXPECT_TRUE(is_whole_line(multiply(whole, x, 64)));
    EXPECT_TRUE(is_whole_line(add(x, whole, 64)));
    EXPECT_TRUE(is_whole_line(subtract(whole, x, 64)));
    EXPECT_TRUE(is_whole_line(divide(x, whole, 64)));
    EXPECT_TRUE(is_whole_line(divide(x, between(-1, 0), 64)));
  }
  EXPECT_TRUE(is_whole_line(subtract(whole, whole, 64)));
  EXPECT_TRUE(is_whole_line(negate(whole)));
  const MpfrInterval e = exponential(whole, 64);
  EXPECT_TRUE(e.low.is_zero());
  EXPECT_TRUE(mpfr_inf_p(e.high.get()));
}

TEST(MpfrInterval, goes_beyond_the_exponents_of_doubles) {
  const mpfr_exp_t far = mpfr_exp_t{1} << 28;
  const MpfrInterval huge = between(scaled(1, far), scaled(1.5, far)),
                     tiny = between(scaled(1, -far), scaled(1.5, -far));
  const MpfrInterval product = multiply(huge, tiny, 64), quotient = divide(tiny, huge, 64),
                     sum = add(huge, tiny, 64);
  EXPECT_EQ(mpfr_cmp_d(product.low.get(), 1), 0);
  EXPECT_EQ(mpfr_cmp_d(product.high.get(), 2.25), 0);
  EXPECT_GT(quotient.low.sign(), 0);
  EXPECT_EQ(mpfr_get_exp(square_root(huge, 64).low.get()), far / 2 + 1);
  // The tiny number is in the sum, though 64 bits do not reach it.
  EXPECT_LE(mpfr_cmp(sum.low.get(), huge.low.get()), 0);
  EXPECT_GT(mpfr_cmp(sum.high.get(), huge.high.get()), 0);
}

TEST(MpfrInterval, encloses_what_over_and_underflows) {
  const mpfr_exp_t far = mpfr_get_emax();
  const MpfrInterval huge = between(scaled(0.5, far), scaled(0.5, far)),
                     tiny = divide(MpfrInterval::exactly(1), huge, 64);
  const MpfrInterval over = multiply(huge, huge, 64), under = multiply(multiply(tiny, tiny, 64), tiny, 64);
  EXPECT_TRUE(mpfr_number_p(over.low.get()));
  EXPECT_TRUE(mpfr_inf_p(over.high.get()));
  EXPECT_TRUE(under.low.is_zero());
  EXPECT_GT(under.high.sign(), 0);
  const MpfrInterval e = exponential(between(-0x1p80, 0x1p80), 64),
                     of_minus = exponential(between(-0x1p80, -0x1p80), 64);
  EXPECT_TRUE(mpfr_inf_p(e.high.get()));
  EXPECT_GE(e.low.sign(), 0);
  EXPECT_GT(of_minus.high.sign(), 0);
}

}  // namespace
}  // namespace gradzone
