// The binary tree that adds the groups of a batch.
#pragma once

#include "gradzone/base/host_device.hpp"
#include "gradzone/base/tensor.hpp"

namespace gradzone::device {

/// Neighbours first, an odd last value moves up unchanged: (v0 + v1) + (v2 + v3) ... Like a binary counter,
/// the stack holds sums of 2^k values, largest first; whatever is left at the end is added from the small
/// end.
template <class F>
GRADZONE_HOST_DEVICE typename F::Real tree_sum(const typename F::Real* values, Index stride, Index count) {
  using Real = typename F::Real;
  Real stack[40];
  int depth = 0;
  for (Index g = 0; g < count; ++g) {
    Real sum = values[g * stride];
    for (Index full = g; full & 1; full >>= 1) sum = F::add(stack[--depth], sum);
    stack[depth++] = sum;
  }
  Real sum = depth > 0 ? stack[--depth] : Real(0);
  while (depth > 0) sum = F::add(stack[--depth], sum);
  return sum;
}

}  // namespace gradzone::device
