// A convolution and its gradients as sums over terms: which entries each term multiplies. Images are [n, c,
// h, w].
#pragma once

#include "gradzone/base/host_device.hpp"
#include "gradzone/graph/operations.hpp"
#include "gradzone/kernels/cuda/divisor.hpp"

namespace gradzone::device {

/// A convolution of `images` inputs in x h x w; every extent, and every tensor's size, below 2^31.
struct ConvolutionShape {
  ConvolutionShape(const Conv2d& op, Index images_in, Index height, Index width)
      : images(narrow(images_in)),
        in(narrow(op.in_channels)),
        out(narrow(op.out_channels)),
        h(narrow(height)),
        w(narrow(width)),
        kernel_h(narrow(op.window.kernel_h)),
        kernel_w(narrow(op.window.kernel_w)),
        stride_h(narrow(op.window.stride_h)),
        stride_w(narrow(op.window.stride_w)),
        padding_h(narrow(op.window.padding_h)),
        padding_w(narrow(op.window.padding_w)),
        out_h(narrow(op.window.out_h(height))),
        out_w(narrow(op.window.out_w(width))) {}

  GRADZONE_HOST_DEVICE int kernel() const { return kernel_h * kernel_w; }
  GRADZONE_HOST_DEVICE int area() const { return h * w; }
  GRADZONE_HOST_DEVICE int out_area() const { return out_h * out_w; }

  int images, in, out, h, w;
  int kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
  int out_h, out_w;

 private:
  static int narrow(Index i) { return static_cast<int>(i); }
};

/// The offset of an input that an output pixel meets, or -1 in the padding.
GRADZONE_HOST_DEVICE inline int input_at(const ConvolutionShape& s, int image, int channel, int out_row,
                                         int out_column, int p, int q) {
  const int row = out_row * s.stride_h - s.padding_h + p, column = out_column * s.stride_w - s.padding_w + q;
  if (row < 0 || row >= s.h || column < 0 || column >= s.w) return -1;
  return ((image * s.in + channel) * s.h + row) * s.w + column;
}

/// y = w x: rows are output channels, columns pixels of all images, terms (channel, kernel position).
struct OutputSums {
  explicit OutputSums(const ConvolutionShape& s)
      : shape(s),
        rows(s.out),
        columns(s.images * s.out_area()),
        terms(s.in * s.kernel()),
        kernel_h(s.kernel_h),
        kernel_w(s.kernel_w),
        out_h(s.out_h),
        out_w(s.out_w) {}
  static constexpr bool b_along_terms = false;

  GRADZONE_HOST_DEVICE int a(int row, int term) const { return row * terms + term; }
  GRADZONE_HOST_DEVICE int b(int column, int term) const {
    const int q = kernel_w.split(term), p = kernel_h.split(term);
    const int j = out_w.split(column), i = out_h.split(column);
    return input_at(shape, column, term, i, j, p, q);
  }
  GRADZONE_HOST_DEVICE Index out(int row, int column) const {
    const int area = shape.out_area();
    return (static_cast<Index>(column / area) * rows + row) * area + column % area;
  }

  ConvolutionShape shape;
  int rows, columns, terms;
  Divisor kernel_h, kernel_w, out_h, out_w;
};

/// dx from w and dy: rows are input channels, columns pixels of all images, terms (output channel, kernel
/// position).
struct InputGradientSums {
  explicit InputGradientSums(const ConvolutionShape& s)
      : shape(s),
        rows(s.in),
        columns(s.images * s.area()),
        terms(s.out * s.kernel()),
        kernel_h(s.kernel_h),
        kernel_w(s.kernel_w),
        h(s.h),
        w(s.w),
        stride_h(s.stride_h),
        stride_w(s.stride_w),
        kernel(s.kernel()) {}
  static constexpr bool b_along_terms = false;

  GRADZONE_HOST_DEVICE int a(int row, int term) const {
    const int tap = kernel.split(term);
    return (term * rows + row) * kernel.value() + tap;
  }
  GRADZONE_HOST_DEVICE int b(int column, int term) const {
    const int q = kernel_w.split(term), p = kernel_h.split(term);
    const int j = w.split(column), i = h.split(column);
    int down = i + shape.padding_h - p, right = j + shape.padding_w - q;
    if (down < 0 || right < 0 || stride_h.split(down) != 0 || stride_w.split(right) != 0) return -1;
    if (down >= shape.out_h || right >= shape.out_w) return -1;
    return ((column * shape.out + term) * shape.out_h + down) * shape.out_w + right;
  }
  GRADZONE_HOST_DEVICE Index out(int row, int column) const {
    const int area = shape.area();
    return (static_cast<Index>(column / area) * rows + row) * area + column % area;
  }

  ConvolutionShape shape;
  int rows, columns, terms;
  Divisor kernel_h, kernel_w, h, w, stride_h, stride_w, kernel;
};

/// dw from dy and x: rows are output channels, columns (input channel, kernel position), terms pixels of all
/// images.
struct WeightGradientSums {
  explicit WeightGradientSums(const ConvolutionShape& s)
      : shape(s),
        rows(s.out),
        columns(s.in * s.kernel()),
        terms(s.images * s.out_area()),
        kernel_h(s.kernel_h),
        kernel_w(s.kernel_w),
        out_h(s.out_h),
        out_w(s.out_w),
        out_area(s.out_area()) {}
  static constexpr bool b_along_terms = true;

  GRADZONE_HOST_DEVICE int a(int row, int term) const {
    const int pixel = out_area.split(term);
    return (term * rows + row) * out_area.value() + pixel;
  }
  GRADZONE_HOST_DEVICE int b(int column, int term) const {
    const int q = kernel_w.split(column), p = kernel_h.split(column);
    const int j = out_w.split(term), i = out_h.split(term);
    return input_at(shape, term, column, i, j, p, q);
  }
  GRADZONE_HOST_DEVICE Index out(int row, int column) const {
    return static_cast<Index>(row) * columns + column;
  }

  ConvolutionShape shape;
  int rows, columns, terms;
  Divisor kernel_h, kernel_w, out_h, out_w, out_area;
};

}  // namespace gradzone::device
