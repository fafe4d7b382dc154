// FixedValues: tensors of multiword enclosures, and the operations on them that are not products of tensors
// with weights (fixed_layers.hpp has those).
//
// Every function encloses: if the arguments contain the real numbers, so does the result. `limbs` is the
// precision of the result, 52 bits each, relative to the largest entry of an image.
#pragma once

#include <vector>

#include "gradzone/base/certain.hpp"
#include "gradzone/exact/fast/fixed_tensor.hpp"
#include "gradzone/exact/fast/interval.hpp"
#include "gradzone/exact/fast/radii.hpp"

namespace gradzone {

struct FixedValues {
  FixedTensor mid;  ///< one exponent per image
  Radii radii;

  const Shape& shape() const { return mid.shape; }
  Extent extent() const { return gradzone::extent(mid.shape); }
};

/// Numbers of a storage format, exactly where `limbs` can hold them.
FixedValues fixed_values(const Tensor<double>& x, int limbs);
/// One interval per entry; images as in `shape`.
FixedValues fixed_values(const Shape& shape, const std::vector<MpfrInterval>& entries, int limbs);
MpfrInterval interval_of(const FixedValues& v, Index i);
/// Of entry i of a tensor of one block, radius * 2^radius_exponent around it.
MpfrInterval interval_of(const FixedTensor& mid, Index i, double radius, int radius_exponent);

Certain<int> sign(const FixedValues& v, Index i);
/// The order of two entries of one image.
Certain<int> compare(const FixedValues& v, Index i, Index j);
Certain<int> compare(const FixedValues& v, Index i, double constant);

/// Whether the midpoint of entry i is below that of entry j, of the same image.
bool midpoint_less(const FixedValues& v, Index i, Index j);

/// Rounds sums of products. `radii` bound what their operands' errors do to them; the rounding and
/// sums.error are added, the latter only to entries whose `cut` is nonzero.
FixedValues finish(FixedSums sums, int limbs, Radii radii, const std::vector<std::uint8_t>& cut);

/// a + b, or a - b.
FixedValues add(const FixedValues& a, const FixedValues& b, bool subtract, int limbs);
/// Adds number c of b, of shape [1, channels], to every entry of channel c.
FixedValues add_per_channel(const FixedValues& a, const FixedValues& b, int limbs);
/// Along channels; one exponent per image for all parts.
FixedValues concatenate(const std::vector<const FixedValues*>& parts);
/// Channels [first, first + count).
FixedValues channels_of(const FixedValues& v, Index first, Index count);
/// The same entries in another shape of the same size per image. A vector's pixel bound is the norm over all
/// pixels of the image; an image's pixels inherit the vector's.
FixedValues reshaped(FixedValues v, const Shape& shape);
/// Images `images` of v, in that order.
FixedValues images_of(const FixedValues& v, const std::vector<Index>& images);

}  // namespace gradzone
