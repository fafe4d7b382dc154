// Radii: rigorous bounds of the errors of a tensor of enclosures, and how linear layers carry them on.
//
// Two bounds are kept side by side, because deep networks need both. `entry` bounds each error alone; a
// linear layer turns it into ||w_o|| * ||r of the patch|| (Cauchy-Schwarz). `pixel` bounds the 2-norm of all
// channels' errors at one pixel together; a linear layer multiplies it by the spectral norm of its weights,
// which is smaller than what entries alone can prove by about the square root of the number of channels.
// Whoever uses errors takes the smaller of the two.
//
// All bounds are double numbers rounded upwards in bulk: a formula of at most 2^29 operations on non-negative
// numbers, each with relative error 2^-53, is right after one multiplication by `slack`. Nonzero bounds are
// kept above 2^-450, so that their squares do not underflow.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "gradzone/base/parallel.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

inline constexpr double slack = 1 + 0x1p-20;
inline constexpr double no_bound = std::numeric_limits<double>::infinity();

/// A bound computed in doubles, made rigorous as the head of this file says. Zero stays zero; where nothing
/// is known (0 times infinity), there is no bound.
inline double bound(double computed) {
  if (computed == 0) return 0;
  if (computed < 0x1p-450) return 0x1p-450;
  return computed >= 0x1p-450 ? computed * slack : no_bound;
}

/// a b of two bounds: 0 only where one of them is, not where the product underflows.
inline double product_of(double a, double b) {
  const double product = a * b;
  return a == 0 || b == 0 ? product : std::max(product, 0x1p-450);
}

/// [N, c, h, w], a vector being an image of one pixel.
struct Extent {
  Index images, channels, h, w;
  Index area() const { return h * w; }
  Index size() const { return channels * h * w; }
  Index pixels() const { return images * h * w; }
};
Extent extent(const Shape& shape);

/// Calls body(image, begin, end) for the entries [begin, end) of every channel of every image, in parallel.
template <class Body>
void for_each_plane(const Extent& x, Body&& body) {
  parallel_for(x.images * x.channels,
               [&](Index nc) { body(nc / x.channels, nc * x.area(), (nc + 1) * x.area()); });
}

/// The error of entry i of image n is at most entry[i] * 2^exponent[n], and the 2-norm over the channels of
/// the errors at pixel (n, y, x) at most pixel[(n h + y) w + x] * 2^exponent[n].
struct Radii {
  std::vector<double> entry;
  std::vector<double> pixel;
  std::vector<int> exponent;

  Radii() = default;
  /// No errors at all.
  explicit Radii(const Shape& shape);

  bool is_zero(Index i) const { return entry[static_cast<std::size_t>(i)] == 0; }
};

/// Bounds of the squared error norm at each pixel: the better of both bounds.
std::vector<double> squared_errors(const Radii& radii, const Extent& x);
/// The sum over channels of squares of `values`, at each pixel, as a bound.
std::vector<double> squared_norms(const double* values, const Extent& x);

/// From squares per input pixel to the 2-norm over each output's window (padding adds nothing).
std::vector<double> window_norms(const std::vector<double>& squares, const Extent& x, const Window& window);
/// The other direction: from squares per output pixel to the 2-norm over all windows that meet an input
/// pixel.
std::vector<double> covering_norms(const std::vector<double>& squares, const Extent& x, const Window& window);

/// Expresses the bounds of image n in units of 2^exponent (rounding up what would underflow).
void set_unit(Radii& radii, const Extent& x, Index n, int exponent);
/// Chooses the units anew, so that the largest bound of each image is near 1.
void normalise(Radii& radii, const Extent& x);
/// value * 2^exponent as a bound: rounded up where it would underflow.
double scaled_bound(double value, int exponent);
/// Whether image n has no errors at all.
bool is_exact(const Radii& radii, const Extent& x, Index n);
/// Pixel bounds after a change of shape: a vector's is the norm over all pixels of the image; an image's
/// pixels inherit the vector's.
std::vector<double> reshaped_pixels(const Radii& radii, const Extent& from, const Extent& to);
/// The errors of a sum of two tensors of one shape.
Radii sum_of(const Radii& a, const Radii& b, const Extent& x);

}  // namespace gradzone
