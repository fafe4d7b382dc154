// ResidueField: integers modulo a prime of 25 bits, the arithmetic of the fingerprints.
//
// A residue is the representative of least magnitude, |r| <= (p - 1) / 2 < 2^24, so that it is unique, a
// product of two is below 2^48, and doubles add two dozen such products exactly. Every function here is
// exact: a residue is a mathematical fact, and the way to it (SIMD width, order, fused or not) cannot be
// seen.
#pragma once

#include <cstdint>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

using Residue = std::int32_t;

/// Primes are drawn from [2^24, 2^25), which holds `residue_primes` of them.
inline constexpr int residue_prime_bits = 25;
inline constexpr std::int64_t residue_primes = 985'818;
/// Products of two residues that may be added to a residue before reduce() is due.
inline constexpr Index residue_products = 15;

/// The arrays of residues that vectors are loaded from go on this far beyond their last entry.
inline constexpr std::size_t residue_padding = 32;

class ResidueField {
 public:
  /// Precondition: an odd prime in [2^24, 2^25).
  explicit ResidueField(std::int32_t prime);

  std::int32_t prime() const { return prime_; }
  /// 1 / prime, rounded: the factor of every reduction.
  double reciprocal() const { return reciprocal_; }

  /// The residue of an integer, |x| <= 2^52.
  Residue reduce(double x) const {
    constexpr double magic = 0x1.8p52;  // adding and subtracting it rounds to an integer
    // The quotient may be off by one next to a half: then the remainder is just outside the range.
    double r = x - (x * reciprocal_ + magic - magic) * prime_;
    r -= r > half_ ? prime_ : 0;
    r += r < -half_ ? prime_ : 0;
    return static_cast<Residue>(r);
  }
  Residue add(Residue a, Residue b) const { return reduce(static_cast<double>(a) + b); }
  Residue subtract(Residue a, Residue b) const { return reduce(static_cast<double>(a) - b); }
  Residue multiply(Residue a, Residue b) const { return reduce(static_cast<double>(a) * b); }
  /// Precondition: a is not 0.
  Residue inverse(Residue a) const;
  /// Of any integer.
  Residue from(std::int64_t n) const { return centred(n % prime_); }
  /// Of a finite double, which is a dyadic rational: m 2^e stands for m times the residue of 2 to the e-th.
  Residue from(double x) const;
  std::vector<Residue> from(const Tensor<double>& t) const;

 private:
  Residue centred(std::int64_t r) const;

  std::int32_t prime_;
  double reciprocal_, half_;
  std::vector<Residue> powers_of_two_;  ///< of the units of binary64: 2^-1074 ... 2^971
};

/// The first `count` of the sequence of distinct primes that `seed` draws, each uniformly from the primes in
/// [2^24, 2^25) not drawn before. Precondition: count <= residue_primes.
std::vector<std::int32_t> draw_residue_primes(std::uint64_t seed, int count);

}  // namespace gradzone
