#include "gradzone/exact/fast/residue_height.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace gradzone {
namespace {

/// The smallest b with n <= 2^b; n > 0.
Index bits_of(Index n) {
  return std::bit_width(static_cast<std::uint64_t>(n - 1));
}

}  // namespace

Denominator Denominator::power_of_two(int exponent) {
  Denominator d;
  d.exponents_[2] = exponent;
  return d;
}

Denominator Denominator::of(Index n) {
  Denominator d;
  for (Index q = 2; q * q <= n; ++q) {
    for (; n % q == 0; n /= q) ++d.exponents_[q];
  }
  if (n > 1) ++d.exponents_[n];
  return d;
}

Denominator Denominator::up_to(Index n) {
  Denominator d;
  for (Index k = 2; k <= n; ++k) d = common(d, of(k));
  return d;
}

Denominator operator*(const Denominator& a, const Denominator& b) {
  Denominator out = a;
  for (const auto& [q, exponent] : b.exponents_) out.exponents_[q] += exponent;
  return out;
}

Denominator common(const Denominator& a, const Denominator& b) {
  Denominator out;
  // A prime that one side lacks has exponent 0 there.
  for (const auto& [q, exponent] : a.exponents_) out.exponents_[q] = std::max(exponent, 0);
  for (const auto& [q, exponent] : b.exponents_) {
    const auto in_a = a.exponents_.find(q);
    out.exponents_[q] = std::max(exponent, in_a == a.exponents_.end() ? 0 : in_a->second);
  }
  return out;
}

Index Denominator::bits() const {
  double odd = 0;
  Index even = 0;
  for (const auto& [q, exponent] : exponents_) {
    if (q == 2) {
      even = exponent;
    } else {
      odd += exponent * std::log2(static_cast<double>(q));
    }
  }
  // The errors of log2 and of the sum are far below the margin.
  return even + (odd > 0 ? static_cast<Index>(std::ceil(odd + 0x1p-10)) : 0);
}

Height Height::of(double x) {
  return of(Tensor<double>({1}, x));
}

Height Height::of(const Tensor<double>& t) {
  constexpr int none = std::numeric_limits<int>::min();
  int magnitude = none, unit = none;
  for (const double x : t.data) {
    if (x == 0) continue;
    int exponent = 0;
    const auto digits = static_cast<std::uint64_t>(std::ldexp(std::fabs(std::frexp(x, &exponent)), 53));
    magnitude = std::max(magnitude, exponent);  // |x| < 2^exponent
    unit = std::max(unit, 53 - std::countr_zero(digits) - exponent);
  }
  return magnitude == none ? Height{} : Height{Denominator::power_of_two(unit), magnitude, 0};
}

Height sum(const Height& a, const Height& b) {
  return {common(a.denominator, b.denominator), std::max(a.magnitude, b.magnitude) + 1,
          std::max(a.degree, b.degree)};
}

Height product(const Height& a, const Height& b) {
  return {a.denominator * b.denominator, a.magnitude + b.magnitude, a.degree + b.degree};
}

Height sum_of(Index count, Height term) {
  term.magnitude += bits_of(count);
  return term;
}

Height either(const Height& a, const Height& b) {
  return {common(a.denominator, b.denominator), std::max(a.magnitude, b.magnitude),
          std::max(a.degree, b.degree)};
}

}  // namespace gradzone
