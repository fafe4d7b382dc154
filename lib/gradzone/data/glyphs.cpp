#include "gradzone/data/glyphs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "gradzone/base/random.hpp"
#include "gradzone/data/strokes.hpp"

namespace gradzone {
namespace {

constexpr int side = 28;
constexpr double middle = side / 2.0;
constexpr int digits = 10;
constexpr int pieces_per_interval = 6;

double square(double x) {
  return x * x;
}
bool happens(RandomStream& random, double probability) {
  return random.uniform() < probability;
}

/// A canvas of ink: each pixel's share of ink in [0, 1], anti-aliased by the distance of its centre to the
/// pen's path.
class Canvas {
 public:
  void draw(const std::vector<PenPosition>& path, double radius) {
    for (std::size_t i = 1; i < path.size(); ++i) draw_piece(path[i - 1], path[i], radius);
  }

  /// Wipes a disc, softly.
  void wipe(PenPosition centre, double radius) {
    for (int row = 0; row < side; ++row) {
      for (int column = 0; column < side; ++column) {
        const double distance = std::sqrt(square(column + 0.5 - centre.x) + square(row + 0.5 - centre.y));
        double& ink = ink_[static_cast<std::size_t>(row * side + column)];
        ink = std::min(ink, std::clamp(distance - radius + 0.5, 0.0, 1.0));
      }
    }
  }

  double ink(std::size_t pixel) const { return ink_[pixel]; }

 private:
  /// A straight piece with round ends; only pixels that it can reach are looked at.
  void draw_piece(PenPosition a, PenPosition b, double radius) {
    const double reach = radius + 0.5;
    const auto first = [&](double low) {
      return std::clamp(static_cast<int>(std::floor(low - reach - 0.5)), 0, side);
    };
    const auto last = [&](double high) {
      return std::clamp(static_cast<int>(std::ceil(high + reach)), 0, side);
    };
    const double dx = b.x - a.x;
    const double dy = b.y - a.y;
    const double length2 = dx * dx + dy * dy;
    for (int row = first(std::min(a.y, b.y)); row < last(std::max(a.y, b.y)); ++row) {
      for (int column = first(std::min(a.x, b.x)); column < last(std::max(a.x, b.x)); ++column) {
        const double px = column + 0.5 - a.x;
        const double py = row + 0.5 - a.y;
        const double along = length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0, 1.0) : 0.0;
        const double distance = std::sqrt(square(px - along * dx) + square(py - along * dy));
        double& ink = ink_[static_cast<std::size_t>(row * side + column)];
        ink = std::max(ink, std::clamp(reach - distance, 0.0, 1.0));
      }
    }
  }

  std::array<double, side * side> ink_{};
};

/// From the digit's unit box to pixels: scale, shear, rotation and shift. The rotation is given by the
/// tangent t of half its angle, which needs no trigonometry: cos = (1 - t^2) / (1 + t^2), sin = 2t / (1 +
/// t^2).
class Placement {
 public:
  explicit Placement(RandomStream& random) {
    const double width = random.uniform(9, 15);
    const double height = random.uniform(14, 21);
    const double shear = random.uniform(-0.35, 0.35);
    const double t = random.uniform(-0.2, 0.2);
    const double c = (1 - t * t) / (1 + t * t);
    const double s = 2 * t / (1 + t * t);
    xx_ = c * width;
    xy_ = c * shear * height - s * height;
    yx_ = s * width;
    yy_ = s * shear * height + c * height;
    shift_x_ = middle + random.uniform(-3, 3);
    shift_y_ = middle + random.uniform(-3, 3);
  }

  PenPosition operator()(PenPosition p) const {
    const double x = p.x - 0.5;
    const double y = p.y - 0.5;
    return {shift_x_ + xx_ * x + xy_ * y, shift_y_ + yx_ * x + yy_ * y};
  }

 private:
  double xx_, xy_, yx_, yy_, shift_x_, shift_y_;
};

/// The digit with an unsteady hand: every pen position moves a little, the ends of closed curves together.
DigitStyle jittered(DigitStyle style, RandomStream& random) {
  const double amount = random.uniform(0.03, 0.13);
  for (Stroke& stroke : style) {
    const PenPosition first = stroke.path.front();
    const PenPosition last = stroke.path.back();
    for (PenPosition& p : stroke.path) {
      p.x += random.uniform(-amount, amount);
      p.y += random.uniform(-amount, amount);
    }
    if (first.x == last.x && first.y == last.y) stroke.path.back() = stroke.path.front();
  }
  return style;
}

PenPosition anywhere(RandomStream& random) {
  const double x = random.uniform(0, side);
  return {x, random.uniform(0, side)};
}

Canvas draw_digit(int digit, RandomStream& random) {
  const auto styles = digit_styles(digit);
  const DigitStyle style = jittered(styles[random.below(styles.size())], random);
  const Placement place(random);
  const double radius = random.uniform(0.55, 1.6);
  Canvas canvas;
  for (const Stroke& stroke : style) {
    auto path = flatten(stroke, pieces_per_interval);
    for (PenPosition& p : path) p = place(p);
    canvas.draw(path, radius);
  }
  if (happens(random, 0.35)) {  // a gap somewhere on the digit
    const auto& path = style[random.below(style.size())].path;
    const PenPosition centre = place(path[random.below(path.size())]);
    canvas.wipe(centre, random.uniform(1, 3));
  }
  if (happens(random, 0.35)) {  // a stray line of the same pen
    const PenPosition from = anywhere(random);
    const PenPosition to{from.x + random.uniform(-6, 6), from.y + random.uniform(-6, 6)};
    canvas.draw({from, to}, 0.6 * radius);
  }
  return canvas;
}

/// The 8-bit image: ink with grain over a constant background, and isolated specks.
void expose(const Canvas& canvas, RandomStream& random, std::uint8_t* pixels) {
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
    expose(draw_digit(labels[i], random), random, pixels.data() + i * side * side);
  }
  return Dataset(fmt::format("glyphs {}", split), {1, side, side}, digits, std::move(pixels),
                 std::move(labels), symmetric_unit_transform());
}

}  // namespace gradzone
