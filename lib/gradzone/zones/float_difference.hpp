// How far the float gradients of two choices are apart: the norms of zones.md, sections 2 and 4.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Norms of a difference; infinite where an entry of either gradient is not finite.
struct FloatDifference {
  double inf = 0, l1 = 0;            ///< over all entries together
  double stat_inf = 0, stat_l1 = 0;  ///< boustany2024: sums over tensors of the tensor's norm
  double first = 0;                  ///< bertoin2021: inf-norm of the first tensor, the first layer's weights
};

/// Takes the larger of each norm.
inline void enlarge(FloatDifference& largest, const FloatDifference& d) {
  largest.inf = std::max(largest.inf, d.inf);
  largest.l1 = std::max(largest.l1, d.l1);
  largest.stat_inf = std::max(largest.stat_inf, d.stat_inf);
  largest.stat_l1 = std::max(largest.stat_l1, d.stat_l1);
  largest.first = std::max(largest.first, d.first);
}

/// Between gradients of the same shapes, one tensor a parameter, those that are not trainable empty.
template <class Real>
FloatDifference difference(const std::vector<Tensor<Real>>& a, const std::vector<Tensor<Real>>& b) {
  FloatDifference out;
  bool is_first = true;
  for (std::size_t p = 0; p < a.size(); ++p) {
    double inf = 0, l1 = 0;
    for (std::size_t i = 0; i < a[p].data.size(); ++i) {
      double d = std::fabs(static_cast<double>(a[p].data[i]) - static_cast<double>(b[p].data[i]));
      if (std::isnan(d)) d = std::numeric_limits<double>::infinity();  // two infinities, or a NaN
      inf = std::max(inf, d);
      l1 += d;
    }
    out.inf = std::max(out.inf, inf);
    out.stat_inf += inf;
    out.stat_l1 += l1;
    if (is_first) out.first = inf;
    is_first = is_first && a[p].empty();
  }
  out.l1 = out.stat_l1;
  return out;
}

/// The largest of each norm over all pairs; `gradients` has one entry a choice.
template <class Real>
FloatDifference largest_difference(std::span<const std::vector<Tensor<Real>>* const> gradients) {
  FloatDifference out;
  for (std::size_t s = 0; s < gradients.size(); ++s)
    for (std::size_t t = s + 1; t < gradients.size(); ++t)
      enlarge(out, difference(*gradients[s], *gradients[t]));
  return out;
}

}  // namespace gradzone
