#include "gradzone/report/picture.hpp"

#include <algorithm>

#include "gradzone/report/escape.hpp"

namespace gradzone::report_sections {
namespace {

constexpr Index most_pixels = 96;  // of a picture's longer side; larger pictures are averaged down

/// Means over square blocks, so that the longer side has at most most_pixels.
Thumbnail shrink(const Thumbnail& image) {
  const Index block = (std::max(image.height, image.width) + most_pixels - 1) / most_pixels;
  if (block <= 1) return image;
  Thumbnail small{image.channels, image.height / block, image.width / block, {}};
  for (Index c = 0; c < small.channels; ++c) {
    for (Index y = 0; y < small.height; ++y) {
      for (Index x = 0; x < small.width; ++x) {
        Index sum = 0;
        for (Index i = 0; i < block * block; ++i) {
          sum += image.pixels[static_cast<std::size_t>(
              (c * image.height + y * block + i / block) * image.width + x * block + i % block)];
        }
        small.pixels.push_back(static_cast<std::uint8_t>(sum / (block * block)));
      }
    }
  }
  return small;
}

}  // namespace

nlohmann::ordered_json picture(const Thumbnail& image) {
  const Index size = image.channels * image.height * image.width;
  if (size <= 0 || static_cast<Index>(image.pixels.size()) != size) return nullptr;
  const Thumbnail small = shrink(image);
  if (small.pixels.empty()) return nullptr;  // thinner than one block
  return {{"channels", small.channels},      {"width", small.width},
          {"height", small.height},          {"original_width", image.width},
          {"original_height", image.height}, {"pixels", base64(small.pixels)}};
}

}  // namespace gradzone::report_sections
