// Searches as bodies that a device's queue runs (kernels/cuda/launch.hpp): they raise a flag.
#pragma once

#include <cmath>
#include <cstdint>

#include "gradzone/kernels/cuda/launch.hpp"

namespace gradzone::device {

struct Forget {
  int* found;
  GRADZONE_HOST_DEVICE void operator()(Index) const { *found = 0; }
};

template <class Real>
struct FindNonFinite {
  const Real* values;
  int* found;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    if (!std::isfinite(values[i])) *found = 1;
  }
};

template <class Real>
struct FindEqual {
  const Real* values;
  Real value;
  int* found;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    if (values[i] == value) *found = 1;
  }
};

template <class Real>
struct FindTie {
  const std::uint8_t* sets;
  const Real* maxima;
  Index window;
  bool zero_is_harmless;
  int* found;
  GRADZONE_HOST_DEVICE void operator()(Index output) const {
    int members = 0;
    for (Index p = 0; p < window; ++p) members += sets[output * window + p];
    if (members > 1 && !(zero_is_harmless && maxima[output] == 0)) *found = 1;
  }
};

template <class Real>
struct FindDifference {
  const Real *a, *b;
  int* found;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    if (!(a[i] - b[i] == 0)) *found = 1;
  }
};

}  // namespace gradzone::device
