// MPFR as the judge of a format's arithmetic: the exactly rounded result of one operation in a binary format
// with subnormals, and random operands that hit its corners.
#pragma once

#include <mpfr.h>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>

#include "gradzone/base/random.hpp"

namespace gradzone::testing {

/// A binary floating-point format; exponents as IEEE 754 counts them (value 1.f * 2^e).
struct BinaryFormat {
  int precision, emin, emax;
};

class Mpfr {
 public:
  explicit Mpfr(mpfr_prec_t precision) { mpfr_init2(value_, precision); }
  explicit Mpfr(double x) : Mpfr(mpfr_prec_t{53}) { mpfr_set_d(value_, x, MPFR_RNDN); }
  Mpfr(const Mpfr&) = delete;
  Mpfr& operator=(const Mpfr&) = delete;
  ~Mpfr() { mpfr_clear(value_); }
  operator mpfr_ptr() { return value_; }

 private:
  mpfr_t value_;
};

/// The result of `operation(out)` (an MPFR call returning its ternary value) rounded once to nearest even in
/// `format`.
template <std::invocable<mpfr_ptr> Operation>
double rounded(const BinaryFormat& format, const Operation& operation) {
  const mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
  Mpfr out(mpfr_prec_t{format.precision});
  int ternary = operation(static_cast<mpfr_ptr>(out));
  mpfr_set_emin(format.emin - format.precision + 2);
  mpfr_set_emax(format.emax + 1);
  ternary = mpfr_check_range(out, ternary, MPFR_RNDN);
  mpfr_subnormalize(out, ternary, MPFR_RNDN);
  const double result = mpfr_get_d(out, MPFR_RNDN);
  mpfr_set_emin(emin);
  mpfr_set_emax(emax);
  return result;
}

inline double rounded(const BinaryFormat& format, double x) {
  return rounded(format, [x](mpfr_ptr out) { return mpfr_set_d(out, x, MPFR_RNDN); });
}

/// Equal as floating-point data: zeros by sign, all NaNs alike.
inline bool identical(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

/// A random value of `format`: every magnitude, short significands (which tie) as often as long ones, zeros,
/// subnormals, the largest number, infinities and NaN among them.
inline double random_value(const BinaryFormat& format, RandomStream& random) {
  const double sign = random.below(2) == 0 ? 1 : -1;
  switch (random.below(64)) {
    case 0:
      return std::copysign(0.0, sign);
    case 1:
      return sign * std::numeric_limits<double>::infinity();
    case 2:
      return std::numeric_limits<double>::quiet_NaN();
    case 3:
      return sign * std::ldexp(1.0, format.emin - format.precision + 1);
    case 4:
      return sign * std::ldexp(2 - std::ldexp(1.0, 1 - format.precision), format.emax);
    default:
      break;
  }
  const int bits = random.below(2) == 0 ? format.precision : 1 + static_cast<int>(random.below(4));
  const double significand =
      1 + std::ldexp(std::floor(random.uniform() * std::ldexp(1.0, bits - 1)), 1 - bits);
  const bool near_one = random.below(2) == 0;
  const int lowest = near_one ? -format.precision : format.emin - format.precision;
  const int highest = near_one ? format.precision : format.emax;
  const int exponent =
      lowest + static_cast<int>(random.below(static_cast<std::uint64_t>(highest - lowest + 1)));
  return rounded(format, sign * std::ldexp(significand, exponent));
}

}  // namespace gradzone::testing
