// WideFixed: non-negative fixed-point numbers with 32 bits before the point and 192 after it, for the few
// questions that double arithmetic leaves open. Integer operations alone: every machine and every device
// computes the same bits.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "gradzone/base/host_device.hpp"

namespace gradzone {

struct WideFixed {
  static constexpr int limbs = 7, fraction_limbs = 6, limb_bits = 32;
  static constexpr int fraction_bits = fraction_limbs * limb_bits;

  /// The value is the sum of limb[i] * 2^(32 (i - 6)).
  std::uint32_t limb[limbs];

  GRADZONE_HOST_DEVICE static WideFixed of(std::uint32_t integer) {
    WideFixed out{};
    out.limb[fraction_limbs] = integer;
    return out;
  }
  /// mantissa * 2^exponent. Precondition: it is one of these numbers.
  GRADZONE_HOST_DEVICE static WideFixed of(std::uint64_t mantissa, int exponent) {
    WideFixed out{};
    for (int bit = 0; bit < 64; ++bit)
      if (mantissa >> bit & 1) {
        const int at = bit + exponent + fraction_bits;
        out.limb[at / limb_bits] |= std::uint32_t{1} << at % limb_bits;
      }
    return out;
  }
  /// numerator / denominator, rounded down. Precondition: numerator < denominator < 2^63.
  GRADZONE_HOST_DEVICE static WideFixed ratio(std::uint64_t numerator, std::uint64_t denominator) {
    WideFixed out{};
    for (int at = fraction_bits - 1; at >= 0; --at) {
      numerator *= 2;
      if (numerator < denominator) continue;
      numerator -= denominator;
      out.limb[at / limb_bits] |= std::uint32_t{1} << at % limb_bits;
    }
    return out;
  }

  /// Bit i counts 2^(i - 192); there are none beyond the limbs.
  GRADZONE_HOST_DEVICE bool bit(int i) const {
    return i >= 0 && i < limbs * limb_bits && (limb[i / limb_bits] >> i % limb_bits & 1);
  }
};

/// Precondition of sums and products: below 2^32.
GRADZONE_HOST_DEVICE inline WideFixed operator+(const WideFixed& a, const WideFixed& b) {
  WideFixed out;
  std::uint64_t carry = 0;
  for (int i = 0; i < WideFixed::limbs; ++i) {
    carry += std::uint64_t{a.limb[i]} + b.limb[i];
    out.limb[i] = static_cast<std::uint32_t>(carry);
    carry >>= WideFixed::limb_bits;
  }
  return out;
}

/// Precondition: a >= b.
GRADZONE_HOST_DEVICE inline WideFixed operator-(const WideFixed& a, const WideFixed& b) {
  WideFixed out;
  std::uint32_t borrow = 0;
  for (int i = 0; i < WideFixed::limbs; ++i) {
    const std::uint64_t difference = std::uint64_t{a.limb[i]} - b.limb[i] - borrow;
    out.limb[i] = static_cast<std::uint32_t>(difference);
    borrow = static_cast<std::uint32_t>(difference >> 63);
  }
  return out;
}

/// Rounded down: the error is below 2^-192.
GRADZONE_HOST_DEVICE inline WideFixed operator*(const WideFixed& a, const WideFixed& b) {
  constexpr int limbs = WideFixed::limbs;
  std::uint32_t product[2 * limbs] = {};
  for (int i = 0; i < limbs; ++i) {
    std::uint64_t carry = 0;
    for (int j = 0; j < limbs; ++j) {
      carry += std::uint64_t{a.limb[i]} * b.limb[j] + product[i + j];
      product[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= WideFixed::limb_bits;
    }
    product[i + limbs] = static_cast<std::uint32_t>(carry);
  }
  WideFixed out;
  for (int i = 0; i < limbs; ++i) out.limb[i] = product[i + WideFixed::fraction_limbs];
  return out;
}

GRADZONE_HOST_DEVICE inline WideFixed operator*(const WideFixed& a, std::uint32_t b) {
  WideFixed out;
  std::uint64_t carry = 0;
  for (int i = 0; i < WideFixed::limbs; ++i) {
    carry += std::uint64_t{a.limb[i]} * b;
    out.limb[i] = static_cast<std::uint32_t>(carry);
    carry >>= WideFixed::limb_bits;
  }
  return out;
}

/// Rounded down, too.
GRADZONE_HOST_DEVICE inline WideFixed operator/(const WideFixed& a, std::uint32_t b) {
  WideFixed out;
  std::uint64_t rest = 0;
  for (int i = WideFixed::limbs - 1; i >= 0; --i) {
    rest = (rest << WideFixed::limb_bits) | a.limb[i];
    out.limb[i] = static_cast<std::uint32_t>(rest / b);
    rest %= b;
  }
  return out;
}

/// x * 2^exponent rounded to the nearest number of binary32 or binary64, subnormal ones and infinity
/// included. Precondition: x is not half-way between two, and at least 2^-128.
template <class Real>
GRADZONE_HOST_DEVICE Real nearest(const WideFixed& x, int exponent) {
  using Limits = std::numeric_limits<Real>;
  int top = WideFixed::limbs * WideFixed::limb_bits - 1;
  while (!x.bit(top)) --top;
  // Bit `last` of x counts one unit in the last place of the result.
  const int offset = exponent - WideFixed::fraction_bits, smallest = Limits::min_exponent - 1;
  const int scale = top + offset < smallest ? smallest : top + offset;
  const int last = scale - (Limits::digits - 1) - offset;
  std::uint64_t units = 0;
  for (int i = top; i >= last; --i) units = 2 * units + x.bit(i);
  units += x.bit(last - 1);
  const double value = std::ldexp(static_cast<double>(units), last + offset);
  return value > static_cast<double>(Limits::max()) ? Limits::infinity() : static_cast<Real>(value);
}

}  // namespace gradzone
