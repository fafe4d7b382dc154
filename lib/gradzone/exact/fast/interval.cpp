#include "gradzone/exact/fast/interval.hpp"

#include <algorithm>

namespace gradzone {
namespace {

MpfrInterval whole_line() {
  MpfrInterval out;
  mpfr_set_inf(out.low.get(), -1);
  mpfr_set_inf(out.high.get(), 1);
  return out;
}

using Binary = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t);

/// The hull of op over the corners, for operations that are monotone in each argument.
MpfrInterval over_corners(Binary op, const MpfrInterval& a, const MpfrInterval& b, int bits) {
  MpfrInterval out(bits);
  BigFloat corner(bits);
  bool first = true;
  for (const BigFloat* x : {&a.low, &a.high})
    for (const BigFloat* y : {&b.low, &b.high}) {
      op(corner.get(), x->get(), y->get(), MPFR_RNDD);
      if (mpfr_nan_p(corner.get())) return whole_line();  // infinity against zero
      if (first || mpfr_less_p(corner.get(), out.low.get())) mpfr_set(out.low.get(), corner.get(), MPFR_RNDD);
      op(corner.get(), x->get(), y->get(), MPFR_RNDU);
      if (first || mpfr_greater_p(corner.get(), out.high.get()))
        mpfr_set(out.high.get(), corner.get(), MPFR_RNDU);
      first = false;
    }
  return out;
}

using Unary = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);

MpfrInterval increasing(Unary op, const MpfrInterval& x, int bits) {
  MpfrInterval out(bits);
  op(out.low.get(), x.low.get(), MPFR_RNDD);
  op(out.high.get(), x.high.get(), MPFR_RNDU);
  return out;
}

BigFloat not_negative(const BigFloat& x) {
  return x.sign() < 0 ? BigFloat::exactly(0) : x;
}

}  // namespace

MpfrInterval add(const MpfrInterval& a, const MpfrInterval& b, int bits) {
  MpfrInterval out(bits);
  mpfr_add(out.low.get(), a.low.get(), b.low.get(), MPFR_RNDD);
  mpfr_add(out.high.get(), a.high.get(), b.high.get(), MPFR_RNDU);
  return out;
}

MpfrInterval subtract(const MpfrInterval& a, const MpfrInterval& b, int bits) {
  return add(a, negate(b), bits);
}

MpfrInterval multiply(const MpfrInterval& a, const MpfrInterval& b, int bits) {
  return over_corners(mpfr_mul, a, b, bits);
}

MpfrInterval divide(const MpfrInterval& a, const MpfrInterval& b, int bits) {
  if (b.low.sign() <= 0 && b.high.sign() >= 0) return whole_line();
  return over_corners(mpfr_div, a, b, bits);
}

MpfrInterval square_root(const MpfrInterval& x, int bits) {
  MpfrInterval clipped;
  clipped.low = not_negative(x.low);
  clipped.high = not_negative(x.high);
  return increasing(mpfr_sqrt, clipped, bits);
}

MpfrInterval exponential(const MpfrInterval& x, int bits) {
  return increasing(mpfr_exp, x, bits);
}

MpfrInterval logarithm(const MpfrInterval& x, int bits) {
  MpfrInterval clipped = x;
  clipped.low = not_negative(x.low);
  return increasing(mpfr_log, clipped, bits);
}

MpfrInterval negate(const MpfrInterval& x) {
  MpfrInterval out = x;
  std::swap(out.low, out.high);
  mpfr_neg(out.low.get(), out.low.get(), MPFR_RNDN);  // exact
  mpfr_neg(out.high.get(), out.high.get(), MPFR_RNDN);
  return out;
}

}  // namespace gradzone
