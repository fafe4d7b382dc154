// Magnitude: an upper bound of a non-negative real, m * 2^e, with more exponent than any computation needs.
// Every operation rounds up, so that radii built from magnitudes are never too small.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace gradzone {

class Magnitude {
 public:
  constexpr Magnitude() = default;
  /// 2^exponent
  static Magnitude power_of_two(std::int64_t exponent) { return Magnitude(0.5, exponent + 1); }
  static Magnitude infinity() { return Magnitude(std::numeric_limits<double>::infinity(), 0); }
  /// |x|, exactly. Precondition: not NaN.
  static Magnitude of(double x) {
    if (x == 0) return {};
    if (std::isinf(x)) return infinity();
    int exponent = 0;
    const double mantissa = std::frexp(std::fabs(x), &exponent);
    return Magnitude(mantissa, exponent);
  }

  bool is_zero() const { return mantissa_ == 0; }
  bool is_infinite() const { return std::isinf(mantissa_); }
  /// In [0.5, 1), or 0, or infinity; the value is mantissa * 2^exponent.
  double mantissa() const { return mantissa_; }
  std::int64_t exponent() const { return exponent_; }

  /// An upper bound as a double (infinity where it does not fit).
  double to_double() const {
    if (is_zero() || is_infinite() || exponent_ > 1024) {
      return is_zero() ? 0.0 : std::numeric_limits<double>::infinity();
    }
    if (exponent_ < -1072) return std::numeric_limits<double>::denorm_min() * 4;
    const double value = std::ldexp(mantissa_, static_cast<int>(exponent_));
    return exponent_ < -1020 ? value + std::numeric_limits<double>::denorm_min() : value;
  }

  /// The bound times 2^k, exactly.
  Magnitude scaled(std::int64_t k) const {
    return Magnitude(mantissa_, is_zero() || is_infinite() ? 0 : exponent_ + k);
  }

  friend Magnitude operator+(Magnitude a, Magnitude b) {
    if (a.is_zero()) return b;
    if (b.is_zero()) return a;
    if (a.is_infinite() || b.is_infinite()) return infinity();
    if (a.exponent_ < b.exponent_) std::swap(a, b);
    const std::int64_t gap = a.exponent_ - b.exponent_;
    // Beyond 60 places the smaller one is covered by the rounding allowance.
    const double small = gap > 60 ? 0x1p-60 : b.mantissa_ * power(-gap);
    return normalised((a.mantissa_ + small) * round_up, a.exponent_);
  }
  friend Magnitude operator*(Magnitude a, Magnitude b) {
    if (a.is_zero() || b.is_zero()) return {};
    if (a.is_infinite() || b.is_infinite()) return infinity();
    return normalised(a.mantissa_ * b.mantissa_ * round_up, a.exponent_ + b.exponent_);
  }
  Magnitude& operator+=(Magnitude other) { return *this = *this + other; }

  friend bool operator<(Magnitude a, Magnitude b) {
    if (a.is_zero() || b.is_zero()) return !b.is_zero() && a.is_zero();
    if (a.is_infinite() || b.is_infinite()) return !a.is_infinite();
    return a.exponent_ != b.exponent_ ? a.exponent_ < b.exponent_ : a.mantissa_ < b.mantissa_;
  }

  /// An upper bound of the square root.
  Magnitude square_root() const {
    if (is_zero() || is_infinite()) return *this;
    const bool odd = exponent_ % 2 != 0;
    const double root = std::sqrt(odd ? 2 * mantissa_ : mantissa_) * round_up;
    return normalised(root, (exponent_ - (odd ? 1 : 0)) / 2);
  }

 private:
  /// Exponents below the smallest are raised to it: still an upper bound, and sums of exponents never
  /// overflow.
  constexpr Magnitude(double mantissa, std::int64_t exponent)
      : mantissa_(mantissa), exponent_(exponent < smallest_exponent ? smallest_exponent : exponent) {}

  /// One double operation errs by at most 2^-53 relative; this factor covers two of them and its own product.
  static constexpr double round_up = 1 + 0x1p-50;

  static constexpr std::int64_t smallest_exponent = -(std::int64_t{1} << 60);

  static double power(std::int64_t k) { return std::bit_cast<double>((1023 + k) << 52); }  // |k| < 1023
  static Magnitude normalised(double mantissa, std::int64_t exponent) {
    while (mantissa >= 1) mantissa *= 0.5, ++exponent;
    while (mantissa < 0.5) mantissa *= 2, --exponent;
    return Magnitude(mantissa, exponent);
  }

  double mantissa_ = 0;
  std::int64_t exponent_ = 0;
};

}  // namespace gradzone
