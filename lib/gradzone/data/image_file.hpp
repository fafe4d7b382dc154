// Photographs in files: JPEG and PNG, told apart by their first bytes, whatever their names say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// 8-bit RGB, pixel by pixel: [height, width, 3].
struct RgbImage {
  Index height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
  friend bool operator==(const RgbImage&, const RgbImage&) = default;
};

/// Larger images are refused.
inline constexpr Index most_image_pixels = Index{1} << 27;

/// JPEG: grey, colour and CMYK, with the accurate integer DCT, so that the pixels are the same on every
/// machine; orientation marks are ignored. PNG: every kind, 16 bits rounded to 8, transparency over black.
/// Throws InputError, one line beginning with `where`, for other files, damaged or truncated ones (which a
/// JPEG decoder would only warn of) and images that are too large.
RgbImage decode_image(std::span<const std::byte> file, const std::string& where);

}  // namespace gradzone
