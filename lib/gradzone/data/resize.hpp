// Scaling photographs: the one bilinear filter, and the crops of ImageNet's recipes.
#pragma once

#include "gradzone/base/random.hpp"
#include "gradzone/data/image_file.hpp"

namespace gradzone {

/// A rectangle of an image.
struct Crop {
  Index top = 0, left = 0, height = 0, width = 0;
};

/// The part of the image inside `crop`. Precondition: crop lies within the image.
RgbImage cut(const RgbImage& image, const Crop& crop);

/// Bilinear with antialiasing, bit for bit as Pillow's 8-bit resize (Image.BILINEAR): rows, then columns;
/// each new pixel is a triangle-weighted mean over max(1, scale) pixels to either side of its centre, the
/// weights rounded to multiples of 2^-22, the sum to 8 bits after each of the two passes. What has the size
/// already is left as it is. Precondition: sizes of at least 1.
RgbImage resize(const RgbImage& image, Index height, Index width);

/// For testing: the shorter side scaled to `shorter`, the longer one in proportion, rounded down; then the
/// size x size square in the middle, its corner rounded half to even (torchvision's Resize and CenterCrop).
/// Precondition: shorter >= size.
RgbImage resized_centre(const RgbImage& image, Index size, Index shorter);

/// The same with size * 8/7, rounded to nearest (256 for 224), but an image that is size x size is left as it
/// is.
RgbImage resized_centre(const RgbImage& image, Index size);

/// Red, green and blue each (19595 red + 38470 green + 7471 blue) / 2^16, rounded to nearest: Pillow's
/// convert("L"), torchvision's Grayscale of three channels.
RgbImage grey(RgbImage image);

/// For training (torchvision's RandomResizedCrop): ten times, an area uniform on [0.08, 1] of the image's and
/// a ratio of sides log-uniform on [3/4, 4/3] (its log and exp in binary32) are drawn, in this order, until
/// the rectangle (sides rounded half to even) fits; then its top and left, uniformly. If none fits, the
/// largest rectangle in the middle whose ratio is within the bounds.
Crop draw_resized_crop(Index height, Index width, RandomStream& random);

}  // namespace gradzone
