// fp16-strict: binary16 storage and accumulator, every intermediate rounded to binary16: a 16-bit-only unit.
//
// The binary16 operations are computed in binary32 and rounded again. That double rounding is harmless for
// + - * / sqrt because 24 >= 2 * 11 + 2 (Figueroa, "When is double rounding innocuous?", 1995). For the fused
// multiply-add the product is exact in binary32 and the sum is rounded to odd first (Boldo and Melquiond,
// 2008). Scalars stay binary32; an operation that meets one rounds its result to binary16.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "gradzone/arith/formats/fp32.hpp"
#include "gradzone/arith/rounding.hpp"

namespace gradzone {

/// a + b rounded to odd in binary32, for finite sums without overflow; other results are a + b.
GRADZONE_HOST_DEVICE inline float add_to_odd(float a, float b) {
  const float sum = a + b;
  const float b_part = sum - a;  // TwoSum (Knuth): a + b = sum + error exactly
  const float error = (a - (sum - b_part)) + (b - b_part);
  if (!std::isfinite(sum) || error == 0 || sum == 0) return sum;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(sum);
  if (bits & 1u) return sum;
  return std::bit_cast<float>((error > 0) == (sum > 0) ? bits + 1 : bits - 1);
}

struct Fp16Strict {
  using Real = float;
  static constexpr FormatId id = FormatId::fp16_strict;
  static constexpr int precision = 11, emin = -14, emax = 15;
  static constexpr int accumulator_precision = 11, accumulator_emin = -14, accumulator_emax = 15;

  GRADZONE_HOST_DEVICE static Real store(Real x) { return round_to_binary16(x); }
  static Real from_double(double x) {
    return static_cast<float>(round_to_precision(x, precision, emin, emax));
  }
  GRADZONE_HOST_DEVICE static Real scalar(double x) { return static_cast<float>(x); }
  GRADZONE_HOST_DEVICE static Real add(Real a, Real b) { return store(a + b); }
  GRADZONE_HOST_DEVICE static Real sub(Real a, Real b) { return store(a - b); }
  GRADZONE_HOST_DEVICE static Real mul(Real a, Real b) { return store(a * b); }
  GRADZONE_HOST_DEVICE static Real div(Real a, Real b) { return store(a / b); }
  GRADZONE_HOST_DEVICE static Real fma(Real a, Real b, Real c) { return store(add_to_odd(a * b, c)); }
  GRADZONE_HOST_DEVICE static Real sqrt(Real a) { return store(std::sqrt(a)); }
  /// exp and log are correctly rounded in binary32, then rounded to binary16: error at most 0.5001 ulp.
  GRADZONE_HOST_DEVICE static Real exp(Real a) { return store(exp_rounded(a)); }
  GRADZONE_HOST_DEVICE static Real log(Real a) { return store(log_rounded(a)); }
};

}  // namespace gradzone
