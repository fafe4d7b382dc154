// The sums of a register block in every summation order (arith/format.hpp), on panels as the chain loop of
// chain-inl.hpp has them. Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_ORDERS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_ORDERS_INL
#undef GRADZONE_KERNELS_CPU_ORDERS_INL
#else
#define GRADZONE_KERNELS_CPU_ORDERS_INL
#endif

#include <algorithm>

#include "gradzone/arith/format.hpp"
#include "gradzone/kernels/cpu/chain-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

/// The terms of a block's sums: `length` rows of the panel meet one number of each input, `step` apart.
template <class Real>
struct Terms {
  Panel<Real> panel;
  const Real* input;
  const Index* offsets;  ///< of each row of the block
  Index step, length;

  /// Those in [begin, end).
  Terms part(Index begin, Index end) const {
    return {
        {panel.data + begin * panel.stride, panel.stride}, input + begin * step, offsets, step, end - begin};
  }
  /// Every `stride`-th of them, from `first` on.
  Terms every(Index stride, Index first) const {
    return {{panel.data + first * panel.stride, panel.stride * stride},
            input + first * step,
            offsets,
            step * stride,
            std::max<Index>(0, (length - first + stride - 1) / stride)};
  }
};

template <class F, class B, class Real>
void chain_of(const Terms<Real>& t, bool fresh, Real* sums, const Results<Real>* results = nullptr) {
  const Run run{0, 0, t.length};
  continue_chains<F, B>(t.panel, {&run, 1}, t.input, t.step, t.offsets, fresh, sums, results);
}

/// The tree over 2^Levels rounded products from term k on.
template <class F, class D, int Levels, class Real, class V = hn::Vec<D>>
HWY_INLINE V product_tree(D d, const Real* column, Index stride, const Real* input, Index step) {
  using Ops = VectorOps<F>;
  if constexpr (Levels == 0) {
    return Ops::mul(hn::LoadU(d, column), hn::Set(d, *input));
  } else {
    constexpr Index half = Index{1} << (Levels - 1);
    const V left = product_tree<F, D, Levels - 1>(d, column, stride, input, step);
    return Ops::add(
        left, product_tree<F, D, Levels - 1>(d, column + half * stride, stride, input + half * step, step));
  }
}

/// One vector of sums, as a binary tree over rounded products: finished subtrees wait on a stack, as the bits
/// of their number are set, and what is left at the end is added from the right.
template <class F, class D, class Real, class V = hn::Vec<D>>
HWY_INLINE V pairwise_of(D d, const Terms<Real>& t, Index column, Index row) {
  using Ops = VectorOps<F>;
  constexpr int levels = 3;
  constexpr Index leaf = Index{1} << levels;
  constexpr int most_subtrees = 64;
  V stack[most_subtrees];
  int height = 0;
  const auto term = [&](Index k) HWY_ATTR { return t.panel.data + k * t.panel.stride + column; };
  const Real* input = t.input + t.offsets[row];
  // A subtree that is number `count` of its size.
  const auto push = [&](V subtree, Index count) HWY_ATTR {
    for (; count % 2 == 1; count /= 2) subtree = Ops::add(stack[--height], subtree);
    stack[height++] = subtree;
  };
  Index k = 0;
  for (; k + leaf <= t.length; k += leaf) {
    push(product_tree<F, D, levels>(d, term(k), t.panel.stride, input + k * t.step, t.step), k / leaf);
  }
  for (Index single = 0; k < t.length; ++k, ++single) {
    push(product_tree<F, D, 0>(d, term(k), t.panel.stride, input + k * t.step, t.step), single);
  }
  if (height == 0) return hn::Zero(d);
  V sum = stack[--height];
  while (height > 0) sum = Ops::add(stack[--height], sum);
  return sum;
}

inline constexpr Index lanes_of_order = 16;

/// The sums [B::rows][B::width] of a block in the accumulator. With `bias`, of each column, they begin there
/// (bias_first). `lanes` is scratch for lanes16, lanes_of_order times the sums.
template <class F, class B, class Real>
void sum_block(Order order, const Terms<Real>& t, const Real* bias, Real* sums, Real* lanes) {
  switch (order) {
    case Order::tensor_cores:  // never here: kernels on cards alone have it
    case Order::chain:
    case Order::bias_first:
      for (Index r = 0; bias && r < B::rows; ++r) std::copy_n(bias, B::width, sums + r * B::width);
      return chain_of<F, B>(t, bias == nullptr, sums);
    case Order::lanes16:
      for (Index lane = 0; lane < lanes_of_order; ++lane) {
        chain_of<F, B>(t.every(lanes_of_order, lane), true, lanes + lane * B::size);
      }
      tree_sum<F>(lanes, lanes_of_order, B::size);
      return (void)std::copy_n(lanes, B::size, sums);
    case Order::pairwise:
      const typename B::Lanes d;
      for (Index r = 0; r < B::rows; ++r)
        for (Index column = 0; column < B::width; column += B::lanes) {
          hn::Store(pairwise_of<F>(d, t, column, r), d, sums + r * B::width + column);
        }
  }
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
