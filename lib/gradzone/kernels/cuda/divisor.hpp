// Division by a number that stays the same, without dividing.
#pragma once

#include <cstdint>

#include "gradzone/base/host_device.hpp"

namespace gradzone::device {

/// Quotients of 0 <= n < 2^31 by a divisor of the same range (Granlund and Montgomery, "Division by invariant
/// integers using multiplication", 1994).
class Divisor {
 public:
  GRADZONE_HOST_DEVICE explicit Divisor(int divisor = 1) : divisor_(static_cast<std::uint32_t>(divisor)) {
    while ((std::uint64_t{1} << shift_) < divisor_) ++shift_;
    const std::uint64_t excess = (std::uint64_t{1} << shift_) - divisor_;
    magic_ = static_cast<std::uint32_t>((excess << 32) / divisor_ + 1);
  }
  GRADZONE_HOST_DEVICE int value() const { return static_cast<int>(divisor_); }
  GRADZONE_HOST_DEVICE int quotient(int n) const {
    const auto u = static_cast<std::uint32_t>(n);
    const auto high = static_cast<std::uint32_t>((std::uint64_t{u} * magic_) >> 32);
    return static_cast<int>((high + u) >> shift_);
  }
  /// Returns n modulo the divisor; n becomes the quotient.
  GRADZONE_HOST_DEVICE int split(int& n) const {
    const int q = quotient(n);
    const int rest = n - q * value();
    n = q;
    return rest;
  }

 private:
  std::uint32_t divisor_, magic_ = 0, shift_ = 0;
};

}  // namespace gradzone::device
