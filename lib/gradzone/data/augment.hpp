// What training does to images before the network sees them.
#pragma once

#include <span>
#include <string_view>

#include "gradzone/base/random.hpp"
#include "gradzone/base/tensor.hpp"

namespace gradzone {

enum class Augmentation {
  none,
  crop_flip,     ///< a window of the image's size from the image with a black border of 4, perhaps mirrored
  resized_crop,  ///< a random piece of the original, scaled to size, perhaps mirrored; image folders only
};
/// "none", "crop-flip", "resized-crop"
std::string_view name(Augmentation augmentation);
/// Throws UsageError listing the names.
Augmentation parse_augmentation(std::string_view text);

inline constexpr Index crop_border = 4;

/// One draw of crop_flip: the window's upper left corner in the bordered image, 0 ... 2 * crop_border, and
/// whether it is mirrored left to right.
struct CropFlip {
  Index top = crop_border, left = crop_border;
  bool flip = false;
};
/// Draws top, left and flip, in this order, all uniformly.
CropFlip draw_crop_flip(RandomStream& random);

/// Cuts [c, h, w] out of the bordered image; `border` holds the colour of the border, one entry per channel.
/// `in` and `out` must not overlap.
void crop_flip(const Shape& shape, std::span<const float> in, std::span<const float> border,
               const CropFlip& crop, std::span<float> out);

/// Mirrors an image [c, h, w] left to right in place.
void mirror(const Shape& shape, std::span<float> image);

}  // namespace gradzone
