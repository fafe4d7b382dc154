// exp and log, correctly rounded (to nearest even) in binary32 and binary64: the one result that every
// machine and every device agrees on. A fast double evaluation decides when it is clear how the result rounds
// to binary32; fixed-point integers decide the rest. No tie needs them: exp and log of rational numbers are
// irrational, but for exp(0) and log(1) (Lindemann).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "gradzone/arith/wide_fixed.hpp"
#include "gradzone/base/host_device.hpp"

namespace gradzone {
namespace elementary {

/// log(2) to 192 bits, rounded down.
GRADZONE_HOST_DEVICE inline WideFixed log_of_2() {
  return {{0x7298B62D, 0x40F34326, 0x03F2F6AF, 0xC9E3B398, 0xD1CF79AB, 0xB17217F7, 0}};
}

/// exp(x) rounded once. What is rounded has a relative error below 2^-160, and no double has an exponential
/// closer than 2^-122 to where rounding changes (Muller et al., Handbook of Floating-Point Arithmetic, 2nd
/// edition, table of the hardest cases), nor does a float.
template <class Real>
GRADZONE_HOST_DEVICE Real exp_by_integers(double x) {
  constexpr double beyond_all_formats = 800, no_change_of_1 = 0x1p-60, log2_of_e = 1.4426950408889634;
  if (x > beyond_all_formats) return std::numeric_limits<Real>::infinity();
  if (x < -beyond_all_formats) return 0;
  const double size = std::fabs(x);
  if (size < no_change_of_1) return 1;
  int exponent = 0;
  const double fraction = std::frexp(size, &exponent);
  const WideFixed magnitude =
      WideFixed::of(static_cast<std::uint64_t>(std::ldexp(fraction, 53)), exponent - 53);
  // x = power log(2) + rest; a power that is one too small does no harm, the rest must not be negative.
  const int power = static_cast<int>(std::floor(x * log2_of_e - 0x1p-20));
  const WideFixed multiple = log_of_2() * static_cast<std::uint32_t>(power < 0 ? -power : power);
  const WideFixed rest = x < 0       ? multiple - magnitude
                         : power < 0 ? magnitude + multiple
                                     : magnitude - multiple;
  // exp(rest) = exp(rest / 2^20)^(2^20), by Taylor's series: what follows its 8th power is below 2^-202.
  constexpr int halvings = 20, terms = 8;
  const WideFixed small = rest / (std::uint32_t{1} << halvings);
  WideFixed sum = WideFixed::of(1);
  for (std::uint32_t n = terms; n > 0; --n) sum = WideFixed::of(1) + sum * small / n;
  for (int i = 0; i < halvings; ++i) sum = sum * sum;
  return nearest<Real>(sum, power);
}

/// log(x) rounded once, as exp_by_integers does: the relative error before is below 2^-135, next to 1, too.
template <class Real>
GRADZONE_HOST_DEVICE Real log_by_integers(double x) {
  using Limits = std::numeric_limits<Real>;
  if (x == 0) return -Limits::infinity();
  if (!(x > 0)) return Limits::quiet_NaN();
  if (x > std::numeric_limits<double>::max()) return Limits::infinity();
  if (x == 1) return 0;
  // x = m / one * 2^power, with m / one between sqrt(1/2) and sqrt(2).
  constexpr double sqrt_half = 0.70710678118654752;
  int power = 0;
  const double fraction = std::frexp(x, &power);
  const auto m = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  const std::uint64_t one = std::uint64_t{1} << (fraction < sqrt_half ? 52 : 53);
  power -= fraction < sqrt_half;
  // log(m / one) = 2 artanh(z), z = (m - one) / (m + one), by its series: z^2 < 2^-5, what follows is below
  // 2^-200.
  constexpr std::uint32_t terms = 39;
  const bool below = m < one;
  const WideFixed z = WideFixed::ratio(below ? one - m : m - one, m + one), square = z * z;
  const WideFixed unit = WideFixed::of(1);
  WideFixed sum = unit / (2 * terms + 1);
  for (std::uint32_t n = terms; n-- > 1;) sum = unit / (2 * n + 1) + sum * square;
  const WideFixed half = z * (unit + sum * square), part = half + half;
  const WideFixed powers = log_of_2() * static_cast<std::uint32_t>(power < 0 ? -power : power);
  const bool negative = power < 0 || (power == 0 && below);
  const WideFixed size = power == 0 ? part : (power < 0) == below ? powers + part : powers - part;
  const Real result = nearest<Real>(size, 0);
  return negative ? -result : result;
}

/// The double evaluations of C and CUDA libraries are good to far better than this; what they return only
/// decides whether the exact answer is clear, so the result does not depend on the library.
inline constexpr double library_error = 0x1p-46;

/// The float to which every number within the library's error of `value` rounds, if it is one and normal;
/// else exact().
template <class Exact>
GRADZONE_HOST_DEVICE float rounded(double value, const Exact& exact) {
  const double margin = std::fabs(value) * library_error;
  const float low = static_cast<float>(value - margin), high = static_cast<float>(value + margin);
  return low == high && std::isnormal(low) ? low : exact();
}

}  // namespace elementary

/// Error bound: half an ulp. exp(-inf) = 0, exp(inf) = inf, exp(NaN) = NaN; subnormal results are kept.
GRADZONE_HOST_DEVICE inline float exp_rounded(float x) {
  const double wide = static_cast<double>(x);
  return std::isnan(x) ? x : elementary::rounded(std::exp(wide), [wide] {
    return elementary::exp_by_integers<float>(wide);
  });
}
GRADZONE_HOST_DEVICE inline double exp_rounded(double x) {
  return std::isnan(x) ? x : elementary::exp_by_integers<double>(x);
}

/// Error bound: half an ulp. log(0) = -inf, log of a negative number or NaN is NaN.
GRADZONE_HOST_DEVICE inline float log_rounded(float x) {
  const double wide = static_cast<double>(x);
  return std::isnan(x) ? x : elementary::rounded(std::log(wide), [wide] {
    return elementary::log_by_integers<float>(wide);
  });
}
GRADZONE_HOST_DEVICE inline double log_rounded(double x) {
  return std::isnan(x) ? x : elementary::log_by_integers<double>(x);
}

}  // namespace gradzone
