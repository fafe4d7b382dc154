// Outputs of kernels keep their memory from call to call.
#pragma once

#include "gradzone/base/tensor.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Gives `t` a shape, keeping its memory where it fits; the content is unspecified.
template <class Real>
void reshape(Tensor<Real>& t, const Shape& shape) {
  if (&t.shape != &shape) t.shape = shape;
  t.data.resize(static_cast<std::size_t>(element_count(shape)));
}
template <class Real>
void reshape(const HostMemory&, Tensor<Real>& t, const Shape& shape) {
  reshape(t, shape);
}

}  // namespace gradzone
