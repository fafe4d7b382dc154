// What moves numbers without arithmetic, and what is done to every entry alike.
#pragma once

#include <algorithm>

#include "gradzone/kernels/layout.hpp"
#include "gradzone/kernels/reference/reference_kernels.hpp"
#include "gradzone/kernels/reshape.hpp"

namespace gradzone {

template <class F>
void ReferenceKernels<F>::concatenate(const std::vector<const T*>& parts, T& y) const {
  const Index pixels = y.size() / y.shape.back();
  auto out = y.data.begin();
  for (Index i = 0; i < pixels; ++i)
    for (const T* part : parts) {
      const Index channels = part->shape.back();
      out = std::copy_n(part->data.begin() + i * channels, channels, out);
    }
}

template <class F>
void ReferenceKernels<F>::concatenate_gradient(const T& dy, Index first, T& dx) const {
  const Index channels = dx.shape.back(), pixels = dx.size() / channels;
  for (Index i = 0; i < pixels; ++i) {
    std::copy_n(dy.data.begin() + i * dy.shape.back() + first, channels, dx.data.begin() + i * channels);
  }
}

template <class F>
void ReferenceKernels<F>::flatten(const T& x, T& y) const {
  const Index images = x.dim(0), features = x.size() / images;
  reshape(y, {images, features});
  const Index channels = x.shape.back();
  transpose_images(x.data.data(), y.data.data(), images, features / channels, channels);
}

template <class F>
void ReferenceKernels<F>::flatten_gradient(const T& dy, T& dx) const {
  const Index images = dy.dim(0), channels = dx.shape.back();
  transpose_images(dy.data.data(), dx.data.data(), images, channels, dy.size() / images / channels);
}

template <class F>
void ReferenceKernels<F>::negate(const T& x, T& y) const {
  reshape(y, x.shape);
  std::transform(x.data.begin(), x.data.end(), y.data.begin(), [](Real v) { return -v; });
}

template <class F>
void ReferenceKernels<F>::round(T& x) const {
  for (Real& v : x.data) v = F::store(v);
}

template <class F>
void ReferenceKernels<F>::output_sum(const T& output, T& sum, T* gradient) const {
  Real total = 0;
  for (const Real value : output.data) total = F::add(total, value);
  if (gradient) *gradient = T(output.shape, Real(1));
  sum = T({1}, F::store(total));
}

}  // namespace gradzone
