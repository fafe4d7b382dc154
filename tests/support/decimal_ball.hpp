// A ball's midpoint and radius to 300 digits: exponentials of large logits have exponents that no Rational
// should be built from.
#pragma once

#include <mpfr.h>

#include "gradzone/arith/ball.hpp"
#include "unrolled.hpp"

namespace gradzone::support {

inline Decimal decimal_midpoint(const Ball& ball) {
  Decimal out;
  mpfr_set(out.backend().data(), ball.mid.get(), MPFR_RNDN);
  return out;
}

inline Decimal decimal_radius(const Ball& ball) {
  Decimal out(ball.rad.mantissa());
  mpfr_mul_2si(out.backend().data(), out.backend().data(), static_cast<long>(ball.rad.exponent()), MPFR_RNDU);
  return out;
}

}  // namespace gradzone::support
