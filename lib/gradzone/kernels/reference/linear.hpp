// Linear layers: one dot product per output.
#pragma once

#include "gradzone/kernels/reference/reference_kernels.hpp"
#include "gradzone/kernels/reference/sum.hpp"

namespace gradzone {

template <class F>
void ReferenceKernels<F>::linear(const Linear& op, const T& x, const T& w, const T* bias, After after,
                                 T& y) const {
  const Index images = x.dim(0), in = op.in_features, out = op.out_features;
  y = T({images, out});
  for (Index n = 0; n < images; ++n)
    for (Index o = 0; o < out; ++o) {
      reference::Sum<F> sum(order_, bias ? &(*bias)[o] : nullptr);
      for (Index k = 0; k < in; ++k) sum.add_product(w[o * in + k], x[n * in + k]);
      y[n * out + o] = F::store(sum.result());
    }
  if (after == After::relu) activation({}, T(y), y);
}

template <class F>
void ReferenceKernels<F>::linear_input_gradient(const Linear& op, const T& dy, const T& w, T& dx) const {
  const Index images = dy.dim(0), in = op.in_features, out = op.out_features;
  dx = T({images, in});
  for (Index n = 0; n < images; ++n)
    for (Index k = 0; k < in; ++k) {
      reference::Sum<F> sum(order_);
      for (Index o = 0; o < out; ++o) sum.add_product(w[o * in + k], dy[n * out + o]);
      dx[n * in + k] = F::store(sum.result());
    }
}

template <class F>
void ReferenceKernels<F>::linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw,
                                                 T* db) const {
  const Index images = x.dim(0), in = op.in_features, out = op.out_features;
  dw = T({out, in});
  for (Index o = 0; o < out; ++o)
    for (Index k = 0; k < in; ++k) {
      const auto add_image = [&](reference::Sum<F>& sum, Index n) {
        sum.add_product(dy[n * out + o], x[n * in + k]);
      };
      dw[o * in + k] = F::store(reference::batch_sum<F>(order_, images, images_per_group, add_image));
    }
  if (!db) return;
  *db = T({out});
  for (Index o = 0; o < out; ++o) {
    const auto add_image = [&](reference::Sum<F>& sum, Index n) { sum.add(dy[n * out + o]); };
    (*db)[o] = F::store(reference::batch_sum<F>(order_, images, images_per_group, add_image));
  }
}

}  // namespace gradzone
