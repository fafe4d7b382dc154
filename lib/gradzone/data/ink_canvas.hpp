// A digit drawn in ink: what the synthetic data sets have in common.
#pragma once

#include <vector>

#include "gradzone/base/random.hpp"
#include "gradzone/data/strokes.hpp"

namespace gradzone {

/// A square canvas of ink: each pixel's share of ink in [0, 1], anti-aliased by the distance of its centre to
/// the pen's path. Only + - * / and square roots of binary64 are used, so it is the same on every machine.
class InkCanvas {
 public:
  explicit InkCanvas(int side);
  /// Along the straight pieces of `path`, round at their ends.
  void draw(const std::vector<PenPosition>& path, double radius);
  /// Wipes a disc, softly.
  void wipe(PenPosition centre, double radius);
  double ink(std::size_t pixel) const { return ink_[pixel]; }

 private:
  void draw_piece(PenPosition a, PenPosition b, double radius);

  int side_;
  std::vector<double> ink_;
};

/// How large digits are, where and how they are written; lengths in pixels.
struct DigitRange {
  int side;  ///< of the canvas
  double least_width, most_width, least_height, most_height;
  double shift;  ///< of the digit's middle from the canvas's, to each side
  double turn;   ///< tangent of half the largest rotation
};

/// The digit in one of its styles, with jittered pen positions, scale, shear, rotation, shift and pen width
/// at random; at times with a gap or a stray line of the same pen.
InkCanvas draw_digit(int digit, const DigitRange& range, RandomStream& random);

/// A stray line of about the given length: from anywhere on the canvas, `reach` at most to each side.
std::vector<PenPosition> stray_line(int side, double reach, RandomStream& random);

inline bool happens(RandomStream& random, double probability) {
  return random.uniform() < probability;
}

}  // namespace gradzone
