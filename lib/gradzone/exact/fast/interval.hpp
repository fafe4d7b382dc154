// Interval: two MPFR numbers around a real one, for what the fast engine leaves to MPFR: exponentials,
// logarithms, roots and quotients, a few per channel or logit. Every operation rounds the ends outwards to
// `bits` bits. Independent of the plain engine's balls, which judge it.
#pragma once

#include "gradzone/arith/big_float.hpp"

namespace gradzone {

struct Interval {
  BigFloat low, high;

  explicit Interval(int bits = 64) : low(bits), high(bits) {}
  /// The double, exactly.
  static Interval exactly(double x) {
    Interval out;
    out.low = out.high = BigFloat::exactly(x);
    return out;
  }
  bool is_finite() const { return mpfr_number_p(low.get()) != 0 && mpfr_number_p(high.get()) != 0; }
};

Interval add(const Interval& a, const Interval& b, int bits);
Interval subtract(const Interval& a, const Interval& b, int bits);
Interval multiply(const Interval& a, const Interval& b, int bits);
/// The whole line if b may be zero.
Interval divide(const Interval& a, const Interval& b, int bits);
/// Of a number known not to be negative, even if the interval reaches below zero.
Interval square_root(const Interval& x, int bits);
Interval exponential(const Interval& x, int bits);
/// Unbounded below if x may be zero.
Interval logarithm(const Interval& x, int bits);
Interval negate(const Interval& x);

}  // namespace gradzone
