// How the digits are written: pen strokes in a unit box, x to the right, y down.
#pragma once

#include <span>
#include <vector>

namespace gradzone {

struct PenPosition {
  double x = 0, y = 0;
};

/// One movement of the pen through its positions: straight from one to the next, or along a Catmull-Rom
/// spline.
struct Stroke {
  bool smooth = false;
  std::vector<PenPosition> path;
};

/// One way to write a digit.
using DigitStyle = std::vector<Stroke>;

/// All ways to write `digit`; at least one. Precondition: 0 <= digit <= 9.
std::span<const DigitStyle> digit_styles(int digit);

/// The stroke as a chain of straight pieces: the path itself, or the spline cut into `pieces` per interval.
/// A smooth path that ends where it begins is closed smoothly.
std::vector<PenPosition> flatten(const Stroke& stroke, int pieces);

}  // namespace gradzone
