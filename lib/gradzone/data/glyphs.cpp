#include "gradzone/data/glyphs.hpp"

#include <fmt/format.h>

#include <cassert>
#include <cmath>

#include "gradzone/data/ink_canvas.hpp"

namespace gradzone {
namespace {

constexpr int side = 28;
constexpr int digits = 10;

constexpr DigitRange range{.side = side,
                           .least_width = 9,
                           .most_width = 15,
                           .least_height = 14,
                           .most_height = 21,
                           .shift = 3,
                           .turn = 0.2};

/// The 8-bit image: ink with grain over a constant background, and isolated specks.
void expose(const InkCanvas& canvas, RandomStream& random, std::uint8_t* pixels) {
  const double background = std::floor(random.uniform(0, 48));
  const double contrast = random.uniform(110, 255 - background);
  const double grain = random.uniform(0, 0.4);
  for (std::size_t i = 0; i < side * side; ++i) {
    const double ink = canvas.ink(i);
    if (ink == 0) {
      pixels[i] = static_cast<std::uint8_t>(background);
      continue;
    }
    const double level = contrast * ink * (1 - grain * random.uniform());
    pixels[i] = static_cast<std::uint8_t>(background + level + 0.5);
  }
  const std::uint64_t specks = random.below(7);
  for (std::uint64_t k = 0; k < specks; ++k) {
    const std::size_t at = random.below(side * side);
    pixels[at] = static_cast<std::uint8_t>(background + contrast * random.uniform(0.2, 1));
  }
}

}  // namespace

Dataset draw_glyphs(Index count, std::string_view split, std::uint64_t seed) {
  assert(count >= 1 && count <= most_glyphs);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(count) * side * side);
  std::vector<int> labels(static_cast<std::size_t>(count));
  const std::string stream = fmt::format("glyphs/{}", split);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    RandomStream random(seed, stream, i);
    labels[i] = static_cast<int>(random.below(digits));
    expose(draw_digit(labels[i], range, random), random, pixels.data() + i * side * side);
  }
  return Dataset(fmt::format("glyphs {}", split), {1, side, side}, digits, std::move(pixels),
                 std::move(labels), symmetric_unit_transform());
}

}  // namespace gradzone
