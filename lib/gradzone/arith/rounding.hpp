// Correct rounding (to nearest, ties to even) into binary16 and bfloat16. A value of a 16-bit format is
// carried as the binary32 number equal to it; these functions map a wider number to the nearest such carrier.
// Subnormals are kept, overflow goes to infinity, NaN stays NaN (payload not preserved).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "gradzone/base/host_device.hpp"

namespace gradzone {

/// binary32 to the nearest binary16 value.
GRADZONE_HOST_DEVICE inline float round_to_binary16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude >= 0x7F800000u) return x;  // infinity, NaN
  if (magnitude < 0x38800000u) {           // below 2^-14: the grid is 2^-24; adding 0.75 rounds to it
    constexpr float grid = 0.75f;
    return std::copysign((std::fabs(x) + grid) - grid, x);
  }
  const std::uint32_t rounded = (magnitude + 0xFFFu + ((magnitude >> 13) & 1u)) & ~0x1FFFu;
  const std::uint32_t result = rounded >= 0x47800000u ? 0x7F800000u : rounded;  // 65536 and above
  return std::bit_cast<float>((bits & 0x80000000u) | result);
}

/// binary32 to the nearest bfloat16 value.
GRADZONE_HOST_DEVICE inline float round_to_bfloat16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return x;
  return std::bit_cast<float>((bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u);
}

/// binary64 to the nearest number with `precision` bits and exponents in [emin, emax] (IEEE: value 1.f *
/// 2^e), rounded once. Obvious and slow: the other conversions are tested against it.
inline double round_to_precision(double x, int precision, int emin, int emax) {
  if (!std::isfinite(x) || x == 0) return x;
  int exponent = 0;
  std::frexp(x, &exponent);  // |x| in [2^(exponent-1), 2^exponent)
  const int last = std::max(exponent - 1, emin) - (precision - 1);
  // |x| * 2^-last < 2^precision, so nearbyint (ties to even) rounds it exactly; the scalings are exact.
  const double scaled = last < -1000 ? std::ldexp(std::ldexp(x, 500), -last - 500) : std::ldexp(x, -last);
  const double rounded = std::ldexp(std::nearbyint(scaled), last);
  const double largest = std::ldexp(2 - std::ldexp(1.0, 1 - precision), emax);
  return std::fabs(rounded) > largest ? std::copysign(std::numeric_limits<double>::infinity(), x) : rounded;
}

/// The 16 bits of a binary16 value. Precondition: x is a binary16 value (round_to_binary16(x) == x) or NaN.
GRADZONE_HOST_DEVICE inline std::uint16_t binary16_bits(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint16_t sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u);
  if (magnitude == 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7C00u);
  if (magnitude < 0x38800000u) {
    return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(std::fabs(x) * 0x1p24f));
  }
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u) >> 13));
}

/// The binary16 number with these 16 bits, exactly.
GRADZONE_HOST_DEVICE inline float binary16_value(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) * 0x10000u;
  const std::uint32_t exponent = (bits >> 10) & 0x1Fu;
  const std::uint32_t fraction = bits & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

/// The 16 bits of a bfloat16 value and back.
GRADZONE_HOST_DEVICE inline std::uint16_t bfloat16_bits(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>(std::isnan(x) ? (bits >> 16) | 0x40u : bits >> 16);
}
GRADZONE_HOST_DEVICE inline float bfloat16_value(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace gradzone
