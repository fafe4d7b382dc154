// Tensors between binary64 and the carrier of a format.
#pragma once

#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Every entry rounded to the storage format.
template <class F>
Tensor<typename F::Real> to_format(const Tensor<double>& t) {
  Tensor<typename F::Real> out(t.shape);
  for (Index i = 0; i < t.size(); ++i) out[i] = F::from_double(t[i]);
  return out;
}

/// Exactly the same numbers.
template <class Real>
Tensor<double> to_double(const Tensor<Real>& t) {
  return {t.shape, std::vector<double>(t.data.begin(), t.data.end())};
}

}  // namespace gradzone
