#include "gradzone/data/glyphs32.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "gradzone/data/glyphs.hpp"
#include "gradzone/data/ink_canvas.hpp"

namespace gradzone {
namespace {

constexpr int side = 32, digits = 10;
constexpr std::size_t plane = side * side;
constexpr DigitRange range{.side = side,
                           .least_width = 8,
                           .most_width = 19,
                           .least_height = 11,
                           .most_height = 27,
                           .shift = 5,
                           .turn = 0.25};

using Colour = std::array<double, 3>;  ///< 0 ... 255 each

Colour any_colour(RandomStream& random) {
  Colour out{};
  for (double& c : out) c = random.uniform(0, 255);
  return out;
}

Colour mixed(const Colour& a, const Colour& b, double share_of_b) {
  Colour out{};
  for (std::size_t c = 0; c < out.size(); ++c) out[c] = a[c] + share_of_b * (b[c] - a[c]);
  return out;
}

double distance(const Colour& a, const Colour& b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return std::sqrt(sum);
}

/// Random values on a coarse lattice, bilinear between its points.
class Pattern {
 public:
  explicit Pattern(RandomStream& random) {
    for (double& v : lattice_) v = random.uniform();
  }
  double at(int row, int column) const {
    const double y = row * (points - 1) / static_cast<double>(side),
                 x = column * (points - 1) / static_cast<double>(side);
    const int top = static_cast<int>(y), left = static_cast<int>(x);
    const auto value = [&](int r, int c) { return lattice_[static_cast<std::size_t>(r * points + c)]; };
    const double upper = value(top, left) + (x - left) * (value(top, left + 1) - value(top, left));
    const double lower =
        value(top + 1, left) + (x - left) * (value(top + 1, left + 1) - value(top + 1, left));
    return upper + (y - top) * (lower - upper);
  }

 private:
  static constexpr int points = 5;
  std::array<double, points * points> lattice_{};
};

/// Slanted stripes as a triangle wave in [-1, 1], or nothing.
class Stripes {
 public:
  explicit Stripes(RandomStream& random) {
    across_ = random.uniform(-0.3, 0.3);
    down_ = random.uniform(-0.3, 0.3);
    phase_ = random.uniform();
    strength_ = happens(random, 0.5) ? random.uniform(10, 45) : 0;
  }
  double at(int row, int column) const {
    const double turns = phase_ + across_ * column + down_ * row;
    return strength_ * (4 * std::abs(turns - std::floor(turns) - 0.5) - 1);
  }

 private:
  double across_, down_, phase_, strength_;
};

struct Layer {
  InkCanvas ink;
  Colour colour;
};

std::vector<Layer> stray_strokes(RandomStream& random) {
  std::vector<Layer> out;
  const std::uint64_t count = random.below(4);
  for (std::uint64_t k = 0; k < count; ++k) {
    Layer layer{InkCanvas(side), any_colour(random)};
    const auto line = stray_line(side, 12, random);
    layer.ink.draw(line, random.uniform(0.5, 1.6));
    out.push_back(std::move(layer));
  }
  return out;
}

void paint(int digit, RandomStream& random, std::uint8_t* pixels) {
  const Colour one = any_colour(random), other = mixed(one, any_colour(random), 0.6);
  const Colour middle = mixed(one, other, 0.5);
  Colour pen = any_colour(random);
  while (distance(pen, middle) < 110) pen = any_colour(random);
  const Pattern pattern(random);
  const Stripes stripes(random);
  std::vector<Layer> layers = stray_strokes(random);
  layers.push_back({draw_digit(digit, range, random), pen});
  const double grain = random.uniform(0, 20);
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column) {
      const auto pixel = static_cast<std::size_t>(row * side + column);
      Colour colour = mixed(one, other, pattern.at(row, column));
      for (double& c : colour) c += stripes.at(row, column);
      for (const Layer& layer : layers) colour = mixed(colour, layer.colour, layer.ink.ink(pixel));
      for (std::size_t c = 0; c < colour.size(); ++c) {
        const double noisy = colour[c] + random.uniform(-grain, grain);
        pixels[c * plane + pixel] = static_cast<std::uint8_t>(std::clamp(noisy + 0.5, 0.0, 255.0));
      }
    }
}

}  // namespace

Dataset draw_glyphs32(Index count, std::string_view split, std::uint64_t seed) {
  assert(count >= 1 && count <= most_glyphs);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(count) * 3 * plane);
  std::vector<int> labels(static_cast<std::size_t>(count));
  const std::string stream = fmt::format("glyphs32/{}", split);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    RandomStream random(seed, stream, i);
    labels[i] = static_cast<int>(random.below(digits));
    paint(labels[i], random, pixels.data() + i * 3 * plane);
  }
  return Dataset(fmt::format("glyphs32 {}", split), {3, side, side}, digits, std::move(pixels),
                 std::move(labels), symmetric_unit_transform());
}

}  // namespace gradzone
