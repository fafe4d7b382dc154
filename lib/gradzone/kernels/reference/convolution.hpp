// Convolution: three loops over the contracted indices in the order stated in kernels.hpp.
#pragma once

#include "gradzone/kernels/reference/reference_kernels.hpp"
#include "gradzone/kernels/reference/sum.hpp"

namespace gradzone {

/// Row-major access to an [A, B, C, D] tensor.
struct Index4 {
  Index b, c, d;
  explicit Index4(const Shape& shape) : b(shape[1]), c(shape[2]), d(shape[3]) {}
  Index operator()(Index i, Index j, Index k, Index l) const { return ((i * b + j) * c + k) * d + l; }
};

template <class F>
void ReferenceKernels<F>::conv2d(const Conv2d& op, const T& x, const T& w, const T* bias, After after,
                                 T& y) const {
  const Window& win = op.window;
  const Index images = x.dim(0), h = x.dim(1), width = x.dim(2);
  y = T({images, win.out_h(h), win.out_w(width), op.out_channels});
  const Index4 at_x(x.shape), at_w(w.shape), at_y(y.shape);
  for (Index n = 0; n < images; ++n)
    for (Index o = 0; o < op.out_channels; ++o)
      for (Index i = 0; i < y.dim(1); ++i)
        for (Index j = 0; j < y.dim(2); ++j) {
          reference::Sum<F> sum(order_, bias ? &(*bias)[o] : nullptr);
          for (Index p = 0; p < win.kernel_h; ++p)
            for (Index q = 0; q < win.kernel_w; ++q)
              for (Index c = 0; c < op.in_channels; ++c) {
                const Index row = i * win.stride_h - win.padding_h + p,
                            column = j * win.stride_w - win.padding_w + q;
                if (row < 0 || row >= h || column < 0 || column >= width) continue;
                sum.add_product(w[at_w(o, c, p, q)], x[at_x(n, row, column, c)]);
              }
          y[at_y(n, i, j, o)] = F::store(sum.result());
        }
  if (after == After::relu) activation({}, T(y), y);
}

template <class F>
void ReferenceKernels<F>::conv2d_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) const {
  const Window& win = op.window;
  dx = T(dx.shape);
  const Index4 at_x(dx.shape), at_w(w.shape), at_y(dy.shape);
  for (Index n = 0; n < dx.dim(0); ++n)
    for (Index c = 0; c < op.in_channels; ++c)
      for (Index row = 0; row < dx.dim(1); ++row)
        for (Index column = 0; column < dx.dim(2); ++column) {
          reference::Sum<F> sum(order_);
          for (Index p = 0; p < win.kernel_h; ++p)
            for (Index q = 0; q < win.kernel_w; ++q)
              for (Index o = 0; o < op.out_channels; ++o) {
                const Index down = row + win.padding_h - p, right = column + win.padding_w - q;
                if (down < 0 || right < 0 || down % win.stride_h != 0 || right % win.stride_w != 0) continue;
                const Index i = down / win.stride_h, j = right / win.stride_w;
                if (i >= dy.dim(1) || j >= dy.dim(2)) continue;
                sum.add_product(w[at_w(o, c, p, q)], dy[at_y(n, i, j, o)]);
              }
          dx[at_x(n, row, column, c)] = F::store(sum.result());
        }
}

template <class F>
void ReferenceKernels<F>::conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw,
                                                 T* db) const {
  const Window& win = op.window;
  dw = T({op.out_channels, op.in_channels, win.kernel_h, win.kernel_w});
  const Index4 at_x(x.shape), at_w(dw.shape), at_y(dy.shape);
  const Index images = x.dim(0), h = x.dim(1), width = x.dim(2);
  for (Index o = 0; o < op.out_channels; ++o)
    for (Index c = 0; c < op.in_channels; ++c)
      for (Index p = 0; p < win.kernel_h; ++p)
        for (Index q = 0; q < win.kernel_w; ++q) {
          const auto add_image = [&](reference::Sum<F>& sum, Index n) {
            for (Index i = 0; i < dy.dim(1); ++i)
              for (Index j = 0; j < dy.dim(2); ++j) {
                const Index row = i * win.stride_h - win.padding_h + p,
                            column = j * win.stride_w - win.padding_w + q;
                if (row < 0 || row >= h || column < 0 || column >= width) continue;
                sum.add_product(dy[at_y(n, i, j, o)], x[at_x(n, row, column, c)]);
              }
          };
          dw[at_w(o, c, p, q)] =
              F::store(reference::batch_sum<F>(order_, images, images_per_group, add_image));
        }
  if (!db) return;
  *db = T({op.out_channels});
  for (Index o = 0; o < op.out_channels; ++o) {
    const auto add_image = [&](reference::Sum<F>& sum, Index n) {
      for (Index i = 0; i < dy.dim(1); ++i)
        for (Index j = 0; j < dy.dim(2); ++j) sum.add(dy[at_y(n, i, j, o)]);
    };
    (*db)[o] = F::store(reference::batch_sum<F>(order_, images, images_per_group, add_image));
  }
}

}  // namespace gradzone
