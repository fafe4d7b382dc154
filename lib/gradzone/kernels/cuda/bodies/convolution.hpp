// Convolutions and linear layers (images of one pixel) as sums of products (products.hpp).
#pragma once

#include <compare>

#include "gradzone/graph/operations.hpp"
#include "gradzone/kernels/cuda/bodies/products.hpp"
#include "gradzone/kernels/cuda/bodies/tree.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone::device {

GRADZONE_HOST_DEVICE inline int smaller(int a, int b) {
  return a < b ? a : b;
}
GRADZONE_HOST_DEVICE inline int larger(int a, int b) {
  return a > b ? a : b;
}

/// Sizes of a convolution: x is [images, h, w, in], y is [images, out_h, out_w, out].
struct Convolution {
  int images, h, w, in, out_h, out_w, out;
  int kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;

  Convolution(const Conv2d& op, const Shape& x)
      : images(static_cast<int>(x[0])),
        h(static_cast<int>(x[1])),
        w(static_cast<int>(x[2])),
        in(static_cast<int>(op.in_channels)),
        out_h(static_cast<int>(op.window.out_h(h))),
        out_w(static_cast<int>(op.window.out_w(w))),
        out(static_cast<int>(op.out_channels)),
        kernel_h(static_cast<int>(op.window.kernel_h)),
        kernel_w(static_cast<int>(op.window.kernel_w)),
        stride_h(static_cast<int>(op.window.stride_h)),
        stride_w(static_cast<int>(op.window.stride_w)),
        padding_h(static_cast<int>(op.window.padding_h)),
        padding_w(static_cast<int>(op.window.padding_w)) {}

  GRADZONE_HOST_DEVICE int taps() const { return kernel_h * kernel_w; }
  friend auto operator<=>(const Convolution&, const Convolution&) = default;
};

/// Along one axis: the taps that do not fall into the padding, and the positions they read.
struct Run {
  int tap = 0, tap_step = 1, position = 0, position_step = 1, count = 0;

  /// What output i of a convolution reads: positions i * stride - padding + tap.
  GRADZONE_HOST_DEVICE static Run reads(int i, int kernel, int stride, int padding, int size) {
    const int start = i * stride - padding, tap = larger(0, -start);
    return {tap, 1, start + tap, 1, larger(0, smaller(kernel, size - start) - tap)};
  }
  /// Which outputs read position `at`: (at + padding - tap) / stride where that divides.
  GRADZONE_HOST_DEVICE static Run read_by(int at, int kernel, int stride, int padding, int outputs) {
    const int start = at + padding, tap = larger(start % stride, start - (outputs - 1) * stride);
    const int last = smaller(kernel - 1, start);
    return {tap, stride, (start - tap) / stride, -1, last < tap ? 0 : (last - tap) / stride + 1};
  }
  /// Which outputs read a position at all through one tap, in their order: outputs `position` on.
  GRADZONE_HOST_DEVICE static Run through(int tap, int outputs, int stride, int padding, int size) {
    const int start = tap - padding;
    const int first = start >= 0 ? 0 : (-start + stride - 1) / stride;
    const int end = size <= start ? 0 : smaller(outputs, (size - 1 - start) / stride + 1);
    return {tap, 0, first, 1, larger(0, end - first)};
  }
};

/// The output (forward) or the input gradient (backward) of a convolution. A block is one pixel of many
/// images and some of its channels, so that what falls into the padding is the same for the whole block: its
/// terms are the taps inside, kernel row, kernel column, channel. Images beyond the batch are left idle.
template <class F>
struct ImageProducts {
  using Real = typename F::Real;
  static constexpr bool a_along_terms = true;

  Convolution c;
  bool backward;
  const Real *source, *weights, *bias;  ///< weights: [taps][channels summed over][columns]
  Real* target;
  bool relu, vector_a, vector_b;

  GRADZONE_HOST_DEVICE int depth() const { return backward ? c.out : c.in; }
  GRADZONE_HOST_DEVICE int width() const { return backward ? c.in : c.out; }
  GRADZONE_HOST_DEVICE int target_h() const { return backward ? c.h : c.out_h; }
  GRADZONE_HOST_DEVICE int target_w() const { return backward ? c.w : c.out_w; }

  GRADZONE_HOST_DEVICE Index blocks(int rows, int columns) const {
    return Index{(c.images + rows - 1) / rows} * ((width() + columns - 1) / columns) * target_h() *
           target_w();
  }

  GRADZONE_HOST_DEVICE Work<Real> work(Index block, int rows, int columns) const {
    int rest = static_cast<int>(block);
    const int column_tiles = (width() + columns - 1) / columns, row_tiles = (c.images + rows - 1) / rows;
    const int column = rest % column_tiles * columns;
    rest /= column_tiles;
    const int image = rest % row_tiles * rows;
    rest /= row_tiles;
    const int i = rest / target_w(), j = rest % target_w();
    const Run down = backward ? Run::read_by(i, c.kernel_h, c.stride_h, c.padding_h, c.out_h)
                              : Run::reads(i, c.kernel_h, c.stride_h, c.padding_h, c.h);
    const Run right = backward ? Run::read_by(j, c.kernel_w, c.stride_w, c.padding_w, c.out_w)
                               : Run::reads(j, c.kernel_w, c.stride_w, c.padding_w, c.w);
    const int source_h = backward ? c.out_h : c.h, source_w = backward ? c.out_w : c.w;

    Work<Real> w;
    w.rows = smaller(rows, c.images - image);
    w.columns = smaller(columns, width() - column);
    w.a_stride = Index{source_h} * source_w * depth();
    w.out_stride = Index{target_h()} * target_w() * width();
    w.a = source + image * w.a_stride;
    w.b = weights + column;
    w.bias = bias ? bias + column : nullptr;
    w.out = target + image * w.out_stride + Index{rest} * width() + column;
    const int of_tap = depth() * width();
    w.terms.count = down.count * right.count * depth();
    if (w.terms.count == 0) return w;
    w.terms.middle = Divisor(right.count);
    w.terms.inner = Divisor(depth());
    w.terms.a_first = (down.position * source_w + right.position) * depth();
    w.terms.b_first = (down.tap * c.kernel_w + right.tap) * of_tap;
    w.terms.a[0] = down.position_step * source_w * depth();
    w.terms.b[0] = down.tap_step * c.kernel_w * of_tap;
    w.terms.a[1] = right.position_step * depth();
    w.terms.b[1] = right.tap_step * of_tap;
    w.terms.a[2] = 1;
    w.terms.b[2] = width();
    return w;
  }
  GRADZONE_HOST_DEVICE Real store(Real sum) const {
    const Real y = F::store(sum);
    return relu && y <= 0 ? Real(0) : y;
  }
};

/// The weight gradient of every group of images: [groups][taps][out][in], in the accumulator. A block is a
/// tap of a group; its terms are the pixels that the tap leads into the image, image, output row, output
/// column.
template <class F>
struct WeightProducts {
  using Real = typename F::Real;
  static constexpr bool a_along_terms = false;

  Convolution c;
  const Real *x, *dy;
  Real* target;
  bool vector_a, vector_b;

  GRADZONE_HOST_DEVICE int groups() const {
    const int group = static_cast<int>(images_per_group);
    return (c.images + group - 1) / group;
  }
  GRADZONE_HOST_DEVICE Index blocks(int rows, int columns) const {
    return Index{(c.out + rows - 1) / rows} * ((c.in + columns - 1) / columns) * c.taps() * groups();
  }

  GRADZONE_HOST_DEVICE Work<Real> work(Index block, int rows, int columns) const {
    int rest = static_cast<int>(block);
    const int column_tiles = (c.in + columns - 1) / columns, row_tiles = (c.out + rows - 1) / rows;
    const int column = rest % column_tiles * columns;
    rest /= column_tiles;
    const int row = rest % row_tiles * rows;
    rest /= row_tiles;
    const int tap = rest % c.taps(), image = rest / c.taps() * static_cast<int>(images_per_group);
    const int images = smaller(static_cast<int>(images_per_group), c.images - image);
    const int p = tap / c.kernel_w, q = tap % c.kernel_w;
    const Run down = Run::through(p, c.out_h, c.stride_h, c.padding_h, c.h);
    const Run right = Run::through(q, c.out_w, c.stride_w, c.padding_w, c.w);

    Work<Real> w;
    w.rows = smaller(rows, c.out - row);
    w.columns = smaller(columns, c.in - column);
    w.a_stride = 1;
    w.out_stride = c.in;
    const Index image_y = Index{c.out_h} * c.out_w * c.out, image_x = Index{c.h} * c.w * c.in;
    w.a = dy + image * image_y + row;
    w.b = x + image * image_x + column;
    w.bias = nullptr;
    w.out = target + Index{rest} * c.out * c.in + Index{row} * c.in + column;
    w.terms.count = images * down.count * right.count;
    if (w.terms.count == 0) return w;
    w.terms.middle = Divisor(down.count);
    w.terms.inner = Divisor(right.count);
    const int top = down.position * c.stride_h - c.padding_h + p;
    const int left = right.position * c.stride_w - c.padding_w + q;
    w.terms.a_first = (down.position * c.out_w + right.position) * c.out;
    w.terms.b_first = (top * c.w + left) * c.in;
    w.terms.a[0] = static_cast<int>(image_y);
    w.terms.b[0] = static_cast<int>(image_x);
    w.terms.a[1] = c.out_w * c.out;
    w.terms.b[1] = c.stride_h * c.w * c.in;
    w.terms.a[2] = c.out;
    w.terms.b[2] = c.stride_w * c.in;
    return w;
  }
  GRADZONE_HOST_DEVICE Real store(Real sum) const { return sum; }
};

/// dw[o][c][tap] = store(tree of the groups' gradients). Entry i is o * in + c.
template <class F>
struct AddGroups {
  using Real = typename F::Real;
  const Real* groups;  ///< [count][taps][out * in]
  Real* dw;
  Index count, taps, channels;  ///< channels: out * in
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    for (Index tap = 0; tap < taps; ++tap)
      dw[i * taps + tap] = F::store(tree_sum<F>(groups + tap * channels + i, taps * channels, count));
  }
};

/// Weights [out][in][taps] as ImageProducts reads them backward: [taps][out][in]. Entry i is o * in + c.
template <class Real>
struct TapsFirst {
  const Real* weights;
  Real* arranged;
  Index taps, channels;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    for (Index tap = 0; tap < taps; ++tap) arranged[tap * channels + i] = weights[i * taps + tap];
  }
};

/// ... and forward: [taps][in][out]. A block transposes a square through shared memory: both sides of it are
/// read and written along rows.
template <class Real>
struct OutputsLast {
  static constexpr int side = 32, threads = 256, lines = threads / side;
  struct Shared {
    Real square[side][side + 1];
  };
  using State = Nothing;

  const Real* weights;
  Real* arranged;
  int out, in, taps, across;  ///< across: squares along a row of weights

  GRADZONE_HOST_DEVICE static Index squares(int size) { return (size + side - 1) / side; }
  GRADZONE_HOST_DEVICE int steps(Index, const State&) const { return 0; }
  GRADZONE_HOST_DEVICE void begin(Index block, int thread, Shared& shared, State&) const {
    const int column = static_cast<int>(block % across) * side + thread % side;
    for (int line = thread / side; line < side; line += lines) {
      const int row = static_cast<int>(block / across) * side + line;
      if (row < out && column < in * taps)
        shared.square[line][thread % side] = weights[Index{row} * in * taps + column];
    }
  }
  GRADZONE_HOST_DEVICE void step(int, Index, int, Shared&, State&) const {}
  GRADZONE_HOST_DEVICE void end(Index block, int thread, Shared& shared, State&) const {
    const int row = static_cast<int>(block / across) * side + thread % side;
    for (int line = thread / side; line < side; line += lines) {
      const int column = static_cast<int>(block % across) * side + line;
      if (row < out && column < in * taps)
        arranged[(Index{column % taps} * in + column / taps) * out + row] =
            shared.square[thread % side][line];
    }
  }
};

}  // namespace gradzone::device
