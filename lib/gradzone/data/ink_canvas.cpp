#include "gradzone/data/ink_canvas.hpp"

#include <algorithm>
#include <cmath>

namespace gradzone {
namespace {

constexpr int pieces_per_interval = 6;

double square(double x) {
  return x * x;
}

/// From the digit's unit box to pixels: scale, shear, rotation and shift. The rotation is given by the
/// tangent t of half its angle, which needs no trigonometry: cos = (1 - t^2) / (1 + t^2), sin = 2t / (1 +
/// t^2).
class Placement {
 public:
  Placement(const DigitRange& range, RandomStream& random) {
    const double width = random.uniform(range.least_width, range.most_width);
    const double height = random.uniform(range.least_height, range.most_height);
    const double shear = random.uniform(-0.35, 0.35);
    const double t = random.uniform(-range.turn, range.turn);
    const double c = (1 - t * t) / (1 + t * t);
    const double s = 2 * t / (1 + t * t);
    xx_ = c * width;
    xy_ = c * shear * height - s * height;
    yx_ = s * width;
    yy_ = s * shear * height + c * height;
    const double middle = range.side / 2.0;
    shift_x_ = middle + random.uniform(-range.shift, range.shift);
    shift_y_ = middle + random.uniform(-range.shift, range.shift);
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

}  // namespace

InkCanvas::InkCanvas(int side) : side_(side), ink_(static_cast<std::size_t>(side * side)) {}

void InkCanvas::draw(const std::vector<PenPosition>& path, double radius) {
  for (std::size_t i = 1; i < path.size(); ++i) draw_piece(path[i - 1], path[i], radius);
}

void InkCanvas::wipe(PenPosition centre, double radius) {
  for (int row = 0; row < side_; ++row) {
    for (int column = 0; column < side_; ++column) {
      const double distance = std::sqrt(square(column + 0.5 - centre.x) + square(row + 0.5 - centre.y));
      double& ink = ink_[static_cast<std::size_t>(row * side_ + column)];
      ink = std::min(ink, std::clamp(distance - radius + 0.5, 0.0, 1.0));
    }
  }
}

/// A straight piece with round ends; only pixels that it can reach are looked at.
void InkCanvas::draw_piece(PenPosition a, PenPosition b, double radius) {
  const double reach = radius + 0.5;
  const auto first = [&](double low) {
    return std::clamp(static_cast<int>(std::floor(low - reach - 0.5)), 0, side_);
  };
  const auto last = [&](double high) {
    return std::clamp(static_cast<int>(std::ceil(high + reach)), 0, side_);
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
      double& ink = ink_[static_cast<std::size_t>(row * side_ + column)];
      ink = std::max(ink, std::clamp(reach - distance, 0.0, 1.0));
    }
  }
}

std::vector<PenPosition> stray_line(int side, double reach, RandomStream& random) {
  const double x = random.uniform(0, side);
  const PenPosition from{x, random.uniform(0, side)};
  const double to_x = from.x + random.uniform(-reach, reach);
  return {from, {to_x, from.y + random.uniform(-reach, reach)}};
}

InkCanvas draw_digit(int digit, const DigitRange& range, RandomStream& random) {
  const auto styles = digit_styles(digit);
  const DigitStyle style = jittered(styles[random.below(styles.size())], random);
  const Placement place(range, random);
  const double radius = random.uniform(0.55, 1.6);
  InkCanvas canvas(range.side);
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
  if (happens(random, 0.35)) canvas.draw(stray_line(range.side, 6, random), 0.6 * radius);
  return canvas;
}

}  // namespace gradzone
