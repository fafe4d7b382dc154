#include "gradzone/data/augment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

constexpr std::pair<std::string_view, Augmentation> names[] = {{"none", Augmentation::none},
                                                               {"crop-flip", Augmentation::crop_flip},
                                                               {"resized-crop", Augmentation::resized_crop}};

}  // namespace

std::string_view name(Augmentation augmentation) {
  for (const auto& [text, value] : names)
    if (value == augmentation) return text;
  return "?";
}

Augmentation parse_augmentation(std::string_view text) {
  for (const auto& [known, value] : names)
    if (known == text) return value;
  throw UsageError(
      fmt::format("unknown augmentation \"{}\": there are none, crop-flip and resized-crop", text));
}

CropFlip draw_crop_flip(RandomStream& random) {
  CropFlip out;
  out.top = static_cast<Index>(random.below(2 * crop_border + 1));
  out.left = static_cast<Index>(random.below(2 * crop_border + 1));
  out.flip = random.below(2) == 1;
  return out;
}

void crop_flip(const Shape& shape, std::span<const float> in, std::span<const float> border,
               const CropFlip& crop, std::span<float> out) {
  const Index channels = shape[0], height = shape[1], width = shape[2];
  assert(static_cast<Index>(in.size()) == element_count(shape) && in.size() == out.size());
  // Where the image begins and ends in the window's columns.
  const Index shift = crop_border - crop.left;
  const Index begin = std::clamp(shift, Index{0}, width), end = std::clamp(width + shift, Index{0}, width);
  for (Index c = 0; c < channels; ++c)
    for (Index row = 0; row < height; ++row) {
      const Index from = row + crop.top - crop_border;
      const auto to = out.begin() + (c * height + row) * width;
      std::fill(to, to + width, border[static_cast<std::size_t>(c)]);
      if (from < 0 || from >= height) continue;
      const auto source = in.begin() + (c * height + from) * width;
      std::copy(source + (begin - shift), source + (end - shift), to + begin);
    }
  if (crop.flip) mirror(shape, out);
}

void mirror(const Shape& shape, std::span<float> image) {
  const Index width = shape[2];
  for (Index row = 0; row < shape[0] * shape[1]; ++row)
    std::reverse(image.begin() + row * width, image.begin() + (row + 1) * width);
}

}  // namespace gradzone
