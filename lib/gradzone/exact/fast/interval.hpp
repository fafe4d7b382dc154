// MpfrInterval: two MPFR numbers around a real one, for what the fast engine leaves to MPFR: exponentials,
// logarithms, roots and quotients, a few per channel or logit. Every operation rounds the ends outwards to
// `bits` bits. Independent of the plain engine's balls, which judge it.
#pragma once

#include "gradzone/arith/big_float.hpp"

namespace gradzone {

struct MpfrInterval {
  BigFloat low, high;

  explicit MpfrInterval(int bits = 64) : low(bits), high(bits) {}
  /// The double, exactly.
  static MpfrInterval exactly(double x) {
    MpfrInterval out;
    out.low = out.high = BigFloat::exactly(x);
    return out;
  }
  bool is_finite() const { return mpfr_number_p(low.get()) != 0 && mpfr_number_p(high.get()) != 0; }
};

MpfrInterval add(const MpfrInterval& a, const MpfrInterval& b, int bits);
MpfrInterval subtract(const MpfrInterval& a, const MpfrInterval& b, int bits);
MpfrInterval multiply(const MpfrInterval& a, const MpfrInterval& b, int bits);
/// The whole line if b may be zero.
MpfrInterval divide(const MpfrInterval& a, const MpfrInterval& b, int bits);
/// Of a number known not to be negative, even if the interval reaches below zero.
MpfrInterval square_root(const MpfrInterval& x, int bits);
MpfrInterval exponential(const MpfrInterval& x, int bits);
/// Unbounded below if x may be zero.
MpfrInterval logarithm(const MpfrInterval& x, int bits);
MpfrInterval negate(const MpfrInterval& x);

}  // namespace gradzone
