// FixedTensor: numbers in block fixed point, the multiword arithmetic of the fast engine.
//
// Entry i of image n stands for
//     2^exponent[n] * sum over l < limbs of digit(l, i) * 2^(-52 (l + 1)),    -2^51 <= digit < 2^51.
// Balanced digits make the representation unique: the sign of a number is the sign of its first nonzero
// digit, and comparing two numbers of one image is comparing their digits in order.
#pragma once

#include <cstdint>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

inline constexpr int limb_bits = 52;
inline constexpr int most_limbs = 24;  ///< 1248 bits

struct FixedTensor {
  Shape shape;  ///< [images, ...]; a weight is one "image": exponent.size() == 1
  int limbs = 0;
  std::vector<std::int64_t> digits;  ///< [limbs][entries], most significant plane first
  std::vector<int> exponent;         ///< one per block: image, or the whole tensor

  FixedTensor() = default;
  /// Zeros, `blocks` exponents of 0.
  FixedTensor(Shape s, int limb_count, Index blocks);

  Index size() const { return element_count(shape); }
  Index block_size() const { return size() / static_cast<Index>(exponent.size()); }
  std::int64_t* plane(int l) { return digits.data() + l * size(); }
  const std::int64_t* plane(int l) const { return digits.data() + l * size(); }
  /// -1, 0, 1 of the number itself (not of what an enclosure around it contains).
  int sign(Index i) const;
  /// The nearest double to entry i in units of 2^exponent, up to 2 units of its last place. In (-0.51, 0.51).
  double scaled(Index i) const;
};

/// Sums of products before rounding: as a FixedTensor, but with limbs + 1 digit planes that are not balanced
/// (|digit| < 2^62), and within `error` (in units of 2^exponent, the same for every entry) of the real sums.
struct FixedSums {
  Shape shape;
  int planes = 0;
  std::vector<std::int64_t> digits;  ///< [planes][entries]
  std::vector<int> exponent;         ///< one per block
  double error = 0;

  Index size() const { return element_count(shape); }
  std::int64_t* plane(int l) { return digits.data() + l * size(); }
  const std::int64_t* plane(int l) const { return digits.data() + l * size(); }
};

/// The doubles (finite), in the fewest limbs that hold all of them exactly, but at most `most`; one exponent
/// per block of size() / blocks entries, just large enough for the block's largest entry. `exact[b]` (may be
/// nullptr) says whether block b is held exactly; otherwise every entry is within 2^(exponent - 52 limbs).
FixedTensor fixed_from_doubles(const Tensor<double>& t, Index blocks, int most, std::vector<bool>* exact);

/// Rounds sums to `limbs` balanced digits: each block gets the smallest exponent that fits its largest entry
/// (0 where the block is zero). lost[i] (may be nullptr) becomes 2^(-52 limbs), in units of the new
/// 2^exponent, where nonzero bits were rounded away, else 0; sums.error is *not* in it.
FixedTensor round_sums(const FixedSums& sums, int limbs, double* lost);

/// The same numbers with `limbs` limbs and, per block, the exponent given (not smaller than needed for its
/// largest entry); lost as above.
FixedTensor rescale(const FixedTensor& t, int limbs, const std::vector<int>& exponent, double* lost);

}  // namespace gradzone
