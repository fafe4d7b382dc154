// Linear layers and their gradients: one matrix product, in every summation order.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_GEMM_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_GEMM_INL
#undef GRADZONE_KERNELS_CPU_GEMM_INL
#else
#define GRADZONE_KERNELS_CPU_GEMM_INL
#endif

#include <algorithm>

#include "gradzone/kernels/cpu/orders-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

/// Element (i, k) is data[i * stride + k * step], i < count.
template <class Real>
struct Operand {
  const Real* data;
  Index count, stride, step;
};

/// How a product sums over its `depth` terms: each `group` consecutive ones in `order`, the groups as a tree.
struct Summation {
  Index depth, group;
  Order order;
  Index groups() const { return std::max<Index>(1, (depth + group - 1) / group); }
};

/// out[r][c] = store(sum over k of columns(c, k) * rows(r, k) + bias[c]), row-major, or with `relu` the
/// positive part of that; a bias needs one group. Panels of columns, and bands of rows, are the units of
/// parallel work.
template <class F, class Real = typename F::Real>
class Product {
 public:
  Product(const Operand<Real>& columns, const Operand<Real>& rows, Summation sum, const Real* bias, bool relu,
          Real* out)
      : columns_(columns), rows_(rows), sum_(sum), bias_(bias), relu_(relu), out_(out) {}

  void run() const {
    for_each_width<Real>(columns_.count, [&](auto block, Index first_column, Index count) HWY_ATTR {
      using B = decltype(block);
      const Scratch<Real> biases = padded_bias<B>(bias_ ? bias_ + first_column : nullptr, count);
      const Index cost = sum_.depth * (B::width + rows_.count * B::vectors);
      cpu::parallel(B::panels(count), cost, [&](Index begin, Index end) HWY_ATTR {
        for (Index p = begin; p < end; ++p) {
          compute_panel<B>(first_column + p * B::width, std::min(B::width, count - p * B::width),
                           biases ? biases.get() + p * B::width : nullptr);
        }
      });
    });
  }

 private:
  template <class B>
  void compute_panel(Index first, Index used, const Real* bias) const {
    const Real* source = columns_.data + first * columns_.stride;
    Panel<Real> panel{source, columns_.step};
    Scratch<Real> packed;
    if (columns_.stride != 1 || used < B::width) {
      packed = Scratch<Real>(std::max<Index>(1, sum_.depth) * B::width);
      pack(packed.get(), B::width, source, used, columns_.stride, sum_.depth, columns_.step);
      panel = {packed.get(), B::width};
    }
    const Index band = B::rows * std::max<Index>(1, 64 / B::rows), cost = sum_.depth * band * B::vectors;
    cpu::parallel((rows_.count + band - 1) / band, cost, [&](Index from, Index to) HWY_ATTR {
      const Scratch<Real> sums((sum_.groups() + lanes_of_order) * B::size);
      const Index end = std::min(rows_.count, to * band);
      for (Index row = from * band; row < end; row += B::rows) {
        compute_block<B>(panel, row, std::min<Index>(B::rows, end - row), first, used, bias, sums.get());
      }
    });
  }

  /// Rows [row, row + count) of the columns [first, first + used).
  template <class B>
  void compute_block(const Panel<Real>& panel, Index row, Index count, Index first, Index used,
                     const Real* bias, Real* sums) const {
    Index offsets[B::rows];
    Real* to[B::rows] = {};
    for (Index r = 0; r < B::rows; ++r) offsets[r] = std::min(row + r, row + count - 1) * rows_.stride;
    for (Index r = 0; r < count; ++r) to[r] = out_ + (row + r) * columns_.count + first;
    const bool bias_is_first = sum_.order == Order::bias_first;
    const Results<Real> results{to, used, bias_is_first ? nullptr : bias, relu_};
    const Terms<Real> all{panel, rows_.data, offsets, rows_.step, sum_.depth};
    const Index groups = sum_.groups();
    if (groups == 1 && sum_.order == Order::chain) return chain_of<F, B>(all, true, sums, &results);
    for (Index g = 0; g < groups; ++g) {
      const Index begin = g * sum_.group;
      sum_block<F, B>(sum_.order, all.part(begin, std::min(sum_.depth, begin + sum_.group)),
                      bias_is_first ? bias : nullptr, sums + g * B::size, sums + groups * B::size);
    }
    tree_sum<F>(sums, groups, B::size);
    chain_of<F, B>(all.part(0, 0), false, sums, &results);
  }

  Operand<Real> columns_, rows_;
  Summation sum_;
  const Real* bias_;
  bool relu_;
  Real* out_;
};

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
