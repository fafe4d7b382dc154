// FixedTensor: numbers in block fixed point, the multiword arithmetic of the fast engine.
//
// Entry i of image n stands for
//     2^exponent[n] * sum over l < limbs of digit(l, i) * 2^(-52 (l + 1)),    -2^51 <= digit < 2^51,
// with exponents that leave every number below 0.49 in absolute value.
// Balanced digits make the representation unique: the sign of a number is the sign of its first nonzero
// digit, and comparing two numbers of one image is comparing their digits in order.
#pragma once

#include <cstdint>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/exact/fast/digit_vector.hpp"

namespace gradzone {

inline constexpr int limb_bits = 52;
inline constexpr int most_limbs = 24;  ///< 1248 bits

struct FixedTensor {
  Shape shape;  ///< [images, ...]; a weight is one "image": exponent.size() == 1
  int limbs = 0;
  DigitVector digits;         ///< [limbs][entries], most significant plane first
  std::vector<int> exponent;  ///< one per block: image, or the whole tensor
  Index entries = 0;          ///< element_count(shape): how far planes are apart

  FixedTensor() = default;
  /// Zeros, `blocks` exponents of 0.
  FixedTensor(Shape s, int limb_count, Index blocks);
  /// The same with digits that are still to be written.
  static FixedTensor unwritten(Shape s, int limb_count, Index blocks);

  Index size() const { return entries; }
  Index block_size() const { return entries / static_cast<Index>(exponent.size()); }
  std::int64_t* plane(int l) { return digits.data() + l * entries; }
  const std::int64_t* plane(int l) const { return digits.data() + l * entries; }
  /// -1, 0, 1 of the number itself (not of what an enclosure around it contains).
  int sign(Index i) const;
  /// |entry i| in units of 2^exponent, up to 2 units of its last place. 0 for zeros only: what
  /// lies below `least_magnitude` is raised to it, so that a bound built on it never vanishes.
  double magnitude(Index i) const;
  static constexpr double least_magnitude = 0x1p-450;
};

/// Sums of products before rounding: as a FixedTensor, but with limbs + 1 digit planes that are not balanced
/// (|digit| < 2^62), and within `error` of the real sums: in units of the last place, 2^(exponent - 52
/// (planes - 1)), the same for every entry.
struct FixedSums {
  Shape shape;
  int planes = 0;
  DigitVector digits;         ///< [planes][entries]
  std::vector<int> exponent;  ///< one per block
  double error = 0;
  bool balanced = false;  ///< all planes but the first are
  Index entries = 0;      ///< element_count(shape)

  FixedSums() = default;
  /// Digits that are still to be written, `blocks` exponents of 0.
  FixedSums(Shape s, int plane_count, Index blocks);

  Index size() const { return entries; }
  std::int64_t* plane(int l) { return digits.data() + l * entries; }
  const std::int64_t* plane(int l) const { return digits.data() + l * entries; }
};

/// Of rounding to nearest, in units of the last place: half a unit, and what balanced digits leave beyond it.
inline constexpr double rounding_error = 0.5 + 0x1p-40;

/// The doubles (finite), in the fewest limbs that hold all of them exactly, but at most `most`; one exponent
/// per block of size() / blocks entries, just large enough for the block's largest entry. `exact[b]` (may be
/// nullptr) says whether block b is held exactly; otherwise every entry is within 2^(exponent - 52 limbs).
FixedTensor fixed_from_doubles(const Tensor<double>& t, Index blocks, int most, std::vector<bool>* exact);

/// Rounds sums (which become balanced) to `limbs` digits: each block gets the smallest exponent that fits its
/// largest entry (0 where the block is zero). inexact[i] (may be nullptr) becomes 1 where nonzero bits were
/// rounded away, by less than a unit of the last place, 2^(exponent - 52 limbs), else 0; sums.error is *not*
/// in it.
FixedTensor round_sums(FixedSums& sums, int limbs, std::uint8_t* inexact);

/// The same numbers with `limbs` limbs and, per block, the exponent given (not smaller than needed for its
/// largest entry); inexact as above.
FixedTensor rescale(const FixedTensor& t, int limbs, const std::vector<int>& exponent, std::uint8_t* inexact);

}  // namespace gradzone
