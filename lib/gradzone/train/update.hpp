// What an optimiser's update of one tensor needs: its scalars and where the numbers lie.
#pragma once

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Tensors of equal size; `first` and `second` are the optimiser's state, null where it has none.
template <class Real>
struct Slices {
  Real* parameter;
  const Real* gradient;
  Real* first;
  Real* second;
};

/// Scalars as the format sees them; the names are those of optimiser.hpp.
template <class Real>
struct SgdScalars {
  Real decay, momentum, minus_rate;
  bool nesterov;
};

template <class Real>
struct AdamScalars {
  Real decay;   ///< 0 for adamw
  Real shrink;  ///< 1 - rate * decay of adamw, else 1
  Real beta1, rest1, beta2, rest2;
  Real correction;  ///< sqrt(1 - beta2^t)
  Real epsilon;
  Real minus_step;  ///< -rate / (1 - beta1^t)
};

}  // namespace gradzone
