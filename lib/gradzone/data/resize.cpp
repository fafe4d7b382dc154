#include "gradzone/data/resize.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "gradzone/arith/elementary.hpp"

namespace gradzone {
namespace {

constexpr int weight_bits = 22;

/// The pixels that one new pixel is a mean of.
struct Taps {
  Index first = 0;
  std::vector<std::int32_t> weights;  ///< in units of 2^-weight_bits
};

std::vector<Taps> triangle_taps(Index from, Index to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), reach = std::max(scale, 1.0);
  std::vector<Taps> out(static_cast<std::size_t>(to));
  std::vector<double> weights;
  for (Index i = 0; i < to; ++i) {
    Taps& taps = out[static_cast<std::size_t>(i)];
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    taps.first = std::max(static_cast<Index>(centre - reach + 0.5), Index{0});
    const Index end = std::min(static_cast<Index>(centre + reach + 0.5), from);
    weights.clear();
    double sum = 0;
    for (Index x = taps.first; x < end; ++x) {
      const double distance = std::abs((static_cast<double>(x) - centre + 0.5) * (1.0 / reach));
      weights.push_back(distance < 1 ? 1 - distance : 0.0);
      sum += weights.back();
    }
    for (const double w : weights)
      taps.weights.push_back(static_cast<std::int32_t>(0.5 + w / sum * (1 << weight_bits)));
  }
  return out;
}

std::uint8_t to_8_bits(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> weight_bits, 0, 255));
}

/// One pass: `lines` lines of `from` pixels become lines of taps.size() pixels. `step` is the distance
/// between neighbours on a line, `stride` that between lines, before and after, in pixels.
struct Layout {
  Index step, stride;
};
void pass(const std::uint8_t* in, Layout before, Index lines, const std::vector<Taps>& all, std::uint8_t* out,
          Layout after) {
  for (Index line = 0; line < lines; ++line)
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Taps& taps = all[i];
      const std::uint8_t* p = in + 3 * (line * before.stride + taps.first * before.step);
      std::int32_t red = 1 << (weight_bits - 1), green = red, blue = red;
      for (const std::int32_t w : taps.weights) {
        red += w * p[0];
        green += w * p[1];
        blue += w * p[2];
        p += 3 * before.step;
      }
      std::uint8_t* to = out + 3 * (line * after.stride + static_cast<Index>(i) * after.step);
      to[0] = to_8_bits(red);
      to[1] = to_8_bits(green);
      to[2] = to_8_bits(blue);
    }
}

RgbImage blank(Index height, Index width) {
  return {height, width, std::vector<std::uint8_t>(static_cast<std::size_t>(height * width * 3))};
}

Index round_half_even(double x) {
  return static_cast<Index>(std::nearbyint(x));
}

}  // namespace

RgbImage cut(const RgbImage& image, const Crop& crop) {
  assert(crop.top >= 0 && crop.top + crop.height <= image.height);
  assert(crop.left >= 0 && crop.left + crop.width <= image.width);
  RgbImage out = blank(crop.height, crop.width);
  for (Index row = 0; row < crop.height; ++row) {
    const auto from = image.pixels.begin() + 3 * ((crop.top + row) * image.width + crop.left);
    std::copy(from, from + 3 * crop.width, out.pixels.begin() + 3 * row * crop.width);
  }
  return out;
}

RgbImage resize(const RgbImage& image, Index height, Index width) {
  RgbImage wide;
  const RgbImage* rows = &image;
  if (width != image.width) {
    wide = blank(image.height, width);
    pass(image.pixels.data(), {1, image.width}, image.height, triangle_taps(image.width, width),
         wide.pixels.data(), {1, width});
    rows = &wide;
  }
  if (height == image.height) return *rows;
  RgbImage out = blank(height, width);
  pass(rows->pixels.data(), {width, 1}, width, triangle_taps(image.height, height), out.pixels.data(),
       {width, 1});
  return out;
}

RgbImage resized_centre(const RgbImage& image, Index size, Index shorter) {
  const bool tall = image.height > image.width;
  const Index longer = shorter * std::max(image.height, image.width) / std::min(image.height, image.width);
  const RgbImage scaled = resize(image, tall ? longer : shorter, tall ? shorter : longer);
  return cut(scaled, {round_half_even(static_cast<double>(scaled.height - size) / 2),
                      round_half_even(static_cast<double>(scaled.width - size) / 2), size, size});
}

RgbImage resized_centre(const RgbImage& image, Index size) {
  if (image.height == size && image.width == size) return image;
  return resized_centre(image, size, (2 * size * 8 + 7) / 14);
}

RgbImage grey(RgbImage image) {
  for (auto p = image.pixels.begin(); p != image.pixels.end(); p += 3) {
    const auto luma =
        static_cast<std::uint8_t>((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 0x8000u) >> 16);
    std::fill(p, p + 3, luma);
  }
  return image;
}

Crop draw_resized_crop(Index height, Index width, RandomStream& random) {
  constexpr double least_ratio = 3.0 / 4, largest_ratio = 4.0 / 3;
  const double area = static_cast<double>(height) * static_cast<double>(width);
  const double log_least = log_rounded(static_cast<float>(least_ratio)),
               log_largest = log_rounded(static_cast<float>(largest_ratio));
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double part = area * random.uniform(0.08, 1);
    const double ratio = exp_rounded(static_cast<float>(random.uniform(log_least, log_largest)));
    const Index w = round_half_even(std::sqrt(part * ratio)), h = round_half_even(std::sqrt(part / ratio));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    const auto top = static_cast<Index>(random.below(static_cast<std::uint64_t>(height - h + 1)));
    const auto left = static_cast<Index>(random.below(static_cast<std::uint64_t>(width - w + 1)));
    return {top, left, h, w};
  }
  Crop middle{0, 0, height, width};
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  if (ratio < least_ratio) middle.height = round_half_even(static_cast<double>(width) / least_ratio);
  if (ratio > largest_ratio) middle.width = round_half_even(static_cast<double>(height) * largest_ratio);
  middle.top = (height - middle.height) / 2;
  middle.left = (width - middle.width) / 2;
  return middle;
}

}  // namespace gradzone
