#include "gradzone/arith/ball.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradzone {
namespace {

/// |x| < 2^exponent(x); zero has no exponent and must be handled before.
std::int64_t exponent(const BigFloat& x) {
  return mpfr_get_exp(x.get());
}

/// An upper bound of |x|, at most twice too large: cheap and good enough for radii.
Magnitude coarse_bound(const BigFloat& x) {
  return x.is_zero() ? Magnitude() : Magnitude::power_of_two(exponent(x));
}

/// Half an ulp of a result that was rounded to nearest, nothing if it is exact.
Magnitude rounding_error(const BigFloat& result, int ternary) {
  if (ternary == 0) return {};
  if (result.is_zero()) return Magnitude::power_of_two(mpfr_get_emin());  // underflow
  return Magnitude::power_of_two(exponent(result) - static_cast<std::int64_t>(result.bits()) - 1);
}

/// The magnitude, exactly. Precondition: out has at least 53 bits.
void set_magnitude(mpfr_ptr out, Magnitude m) {
  mpfr_set_d(out, m.mantissa(), MPFR_RNDU);
  if (!m.is_zero() && !m.is_infinite()) mpfr_mul_2si(out, out, static_cast<long>(m.exponent()), MPFR_RNDU);
}

/// |mid| - rad, rounded down to 64 bits, or a negative number if the ball contains zero.
BigFloat distance_from_zero(const Ball& x) {
  BigFloat out(64), radius(64);
  set_magnitude(radius.get(), x.rad);
  mpfr_t absolute = {x.mid.get()[0]};
  absolute[0]._mpfr_sign = 1;
  mpfr_sub(out.get(), absolute, radius.get(), MPFR_RNDD);
  return out;
}

/// An upper bound of 1 / x for a positive x.
Magnitude reciprocal_bound(const BigFloat& x) {
  return Magnitude::power_of_two(1 - exponent(x));
}

Ball unbounded(int bits) {
  Ball out;
  out.mid = BigFloat(bits);
  out.rad = Magnitude::infinity();
  return out;
}

}  // namespace

Certain<int> sign(const Ball& x) {
  if (x.is_exact()) return Certain<int>::known(x.mid.sign());
  if (x.rad.is_infinite() || x.mid.is_zero()) return Certain<int>::unknown();
  // 2^(e-1) <= |mid|: most balls are decided by exponents alone.
  if (x.rad < Magnitude::power_of_two(exponent(x.mid) - 1)) return Certain<int>::known(x.mid.sign());
  return distance_from_zero(x).sign() > 0 ? Certain<int>::known(x.mid.sign()) : Certain<int>::unknown();
}

Certain<int> compare(const Ball& a, const Ball& b) {
  if (a.is_exact() && b.is_exact()) {
    const int order = mpfr_cmp(a.mid.get(), b.mid.get());
    return Certain<int>::known((order > 0) - (order < 0));
  }
  // The difference needs few bits: its rounding error counts against the verdict like any other.
  return sign(subtract(a, b, 64));
}

Ball add(const Ball& a, const Ball& b, int bits) {
  Ball out;
  out.mid = BigFloat(bits);
  const int ternary = mpfr_add(out.mid.get(), a.mid.get(), b.mid.get(), MPFR_RNDN);
  out.rad = a.rad + b.rad + rounding_error(out.mid, ternary);
  return out;
}

Ball subtract(const Ball& a, const Ball& b, int bits) {
  Ball out;
  out.mid = BigFloat(bits);
  const int ternary = mpfr_sub(out.mid.get(), a.mid.get(), b.mid.get(), MPFR_RNDN);
  out.rad = a.rad + b.rad + rounding_error(out.mid, ternary);
  return out;
}

namespace {

/// Radius of a product apart from its own rounding: |a| rb + |b| ra + ra rb.
Magnitude product_radius(const Ball& a, const Ball& b) {
  if (a.is_exact()) return b.is_exact() ? Magnitude() : coarse_bound(a.mid) * b.rad;
  if (b.is_exact()) return coarse_bound(b.mid) * a.rad;
  return coarse_bound(a.mid) * b.rad + coarse_bound(b.mid) * a.rad + a.rad * b.rad;
}

}  // namespace

Ball multiply(const Ball& a, const Ball& b, int bits) {
  Ball out;
  out.mid = BigFloat(bits);
  const int ternary = mpfr_mul(out.mid.get(), a.mid.get(), b.mid.get(), MPFR_RNDN);
  out.rad = product_radius(a, b) + rounding_error(out.mid, ternary);
  return out;
}

Ball divide(const Ball& a, const Ball& b, int bits) {
  const BigFloat low = distance_from_zero(b);
  if (low.sign() <= 0) return unbounded(bits);
  Ball out;
  out.mid = BigFloat(bits);
  const int ternary = mpfr_div(out.mid.get(), a.mid.get(), b.mid.get(), MPFR_RNDN);
  // |x/y - a/b| = |(x - a) b - a (y - b)| / |y b| <= (ra + |a/b| rb) / |y|
  out.rad = rounding_error(out.mid, ternary);
  if (!a.is_exact() || !b.is_exact()) {
    const Magnitude quotient = coarse_bound(out.mid) + out.rad;
    out.rad += (a.rad + quotient * b.rad) * reciprocal_bound(low);
  }
  return out;
}

Ball divide(const Ball& a, unsigned long n, int bits) {
  Ball out;
  out.mid = BigFloat(bits);
  const int ternary = mpfr_div_ui(out.mid.get(), a.mid.get(), n, MPFR_RNDN);
  out.rad = rounding_error(out.mid, ternary);
  // The second term covers the rounding of 1/n <= 1 to a double.
  if (!a.is_exact())
    out.rad += a.rad * Magnitude::of(1 / static_cast<double>(n)) + a.rad * Magnitude::power_of_two(-53);
  return out;
}

Ball square_root(const Ball& x, int bits) {
  Ball out;
  out.mid = BigFloat(bits);
  int ternary = 0;
  if (x.mid.sign() > 0) ternary = mpfr_sqrt(out.mid.get(), x.mid.get(), MPFR_RNDN);
  out.rad = rounding_error(out.mid, ternary);
  if (x.is_exact()) return out;
  // With t, m >= 0: |sqrt t - sqrt m| = |t - m| / (sqrt t + sqrt m) <= r / sqrt m, and always <= sqrt r.
  Magnitude spread = x.mid.sign() < 0 ? (coarse_bound(x.mid) + x.rad).square_root() : x.rad.square_root();
  if (x.mid.sign() > 0) spread = std::min(spread, x.rad * reciprocal_bound(out.mid));
  out.rad += spread;
  return out;
}

Ball exponential(const Ball& x, int bits) {
  if (!(x.rad < Magnitude::power_of_two(0))) return unbounded(bits);
  Ball out;
  out.mid = BigFloat(bits);
  const int ternary = mpfr_exp(out.mid.get(), x.mid.get(), MPFR_RNDN);
  out.rad = rounding_error(out.mid, ternary);
  // |e^t - e^m| <= e^m (e^r - 1) <= e^m 2 r for r <= 1
  if (!x.is_exact()) out.rad += (coarse_bound(out.mid) + out.rad) * x.rad.scaled(1);
  return out;
}

Ball logarithm(const Ball& x, int bits) {
  const BigFloat low = distance_from_zero(x);
  if (x.mid.sign() <= 0 || low.sign() <= 0) return unbounded(bits);
  Ball out;
  out.mid = BigFloat(bits);
  const int ternary = mpfr_log(out.mid.get(), x.mid.get(), MPFR_RNDN);
  out.rad = x.rad * reciprocal_bound(low) + rounding_error(out.mid, ternary);  // mean value theorem
  return out;
}

Ball negate(Ball x) {
  mpfr_neg(x.mid.get(), x.mid.get(), MPFR_RNDN);
  return x;
}

Ball maximum(const Ball& a, const Ball& b, int bits) {
  const Certain<int> order = compare(a, b);
  if (order.is_known()) return order.value() >= 0 ? a : b;
  // max is 1-Lipschitz: |max(s, t) - max(ma, mb)| <= max(ra, rb)
  Ball out;
  out.mid = BigFloat(bits);
  const int ternary = mpfr_max(out.mid.get(), a.mid.get(), b.mid.get(), MPFR_RNDN);
  out.rad = (a.rad < b.rad ? b.rad : a.rad) + rounding_error(out.mid, ternary);
  return out;
}

std::pair<double, double> bounds(const Ball& x) {
  if (x.rad.is_infinite()) {
    return {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  }
  BigFloat radius(64), end(64);
  set_magnitude(radius.get(), x.rad);
  mpfr_sub(end.get(), x.mid.get(), radius.get(), MPFR_RNDD);
  const double low = mpfr_get_d(end.get(), MPFR_RNDD);
  mpfr_add(end.get(), x.mid.get(), radius.get(), MPFR_RNDU);
  return {low, mpfr_get_d(end.get(), MPFR_RNDU)};
}

std::pair<double, double> absolute_bounds(const Ball& x) {
  const auto [low, high] = bounds(x);
  if (low > 0) return {low, high};
  if (high < 0) return {-high, -low};
  return {0.0, std::max(-low, high)};
}

void BallSum::add_product(const Ball& a, const Ball& b) {
  const int product_ternary = mpfr_mul(product_.get(), a.mid.get(), b.mid.get(), MPFR_RNDN);
  const int ternary = mpfr_add(sum_.mid.get(), sum_.mid.get(), product_.get(), MPFR_RNDN);
  if (product_ternary == 0 && ternary == 0 && a.is_exact() && b.is_exact()) return;
  sum_.rad +=
      product_radius(a, b) + rounding_error(product_, product_ternary) + rounding_error(sum_.mid, ternary);
}

void BallSum::add(const Ball& a) {
  const int ternary = mpfr_add(sum_.mid.get(), sum_.mid.get(), a.mid.get(), MPFR_RNDN);
  sum_.rad += a.rad + rounding_error(sum_.mid, ternary);
}

}  // namespace gradzone
