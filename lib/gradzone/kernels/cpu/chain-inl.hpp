// The one inner loop of convolutions, linear layers and their gradients. A block of R x (V vectors) sums
// advances through its chains together: in each step a row of the packed `panel` (consecutive lanes are
// different outputs) meets one number of each of the R inputs. No sum is ever split, so every chain is the
// reference's. Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_CHAIN_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_CHAIN_INL
#undef GRADZONE_KERNELS_CPU_CHAIN_INL
#else
#define GRADZONE_KERNELS_CPU_CHAIN_INL
#endif

#include <algorithm>
#include <span>

#include "gradzone/kernels/cpu/arithmetic-inl.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"
#include "gradzone/kernels/cpu/taps.hpp"
#include "gradzone/kernels/kernels.hpp"
#include "hwy/aligned_allocator.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class Real>
using Scratch = hwy::AlignedFreeUniquePtr<Real[]>;

template <class Real>
Scratch<Real> scratch(Index size) {
  return hwy::AllocateAligned<Real>(static_cast<std::size_t>(size));
}

/// The shape of a register block.
template <class Real, int Vectors, int Rows>
struct Block {
  static constexpr int vectors = Vectors, rows = Rows;
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(hn::ScalableTag<Real>()));
  static constexpr Index width = Vectors * lanes;  ///< columns of a panel
  static constexpr Index size = rows * width;      ///< sums of a block
  static Index panels(Index columns) { return (columns + width - 1) / width; }
};

/// Calls visit(Block) with the shape for a result of `rows` x `columns` (columns are the vectorised side).
/// Eight sums in flight hide the latency of a fused multiply-add on every machine at hand.
template <class Real, class Visit>
void with_block(Index rows, Index columns, const Visit& visit) {
  if (rows < 4) return visit(Block<Real, 8, 1>());
  if (columns <= Block<Real, 1, 8>::width) return visit(Block<Real, 1, 8>());
  visit(Block<Real, 2, 4>());
}

/// panel[k * width + lane] = source[lane * lane_stride + k * step], lanes from `count` on are zero.
template <class Real>
void pack(Real* panel, Index width, const Real* source, Index count, Index lane_stride, Index depth,
          Index step) {
  for (Index k = 0; k < depth; ++k, panel += width) {
    for (Index lane = 0; lane < count; ++lane) panel[lane] = source[lane * lane_stride + k * step];
    std::fill(panel + count, panel + width, Real(0));
  }
}

using cpu::Run;

/// Continues the sums [B::rows][B::width] through all runs, each of `length` steps. Row r reads its inputs at
/// input + offsets[r].
template <class F, class B, class Real = typename F::Real>
void continue_chains(const Real* panel, std::span<const Run> runs, Index length, const Real* input,
                     Index step, const Index* offsets, Real* sums) {
  using Ops = VectorOps<F>;
  const hn::ScalableTag<Real> d;
  hn::Vec<decltype(d)> sum[B::rows][B::vectors];
  for (int r = 0; r < B::rows; ++r)
    for (int v = 0; v < B::vectors; ++v) sum[r][v] = hn::Load(d, sums + r * B::width + v * B::lanes);
  for (const Run& run : runs) {
    const Real* row = panel + run.panel_row * B::width;
    const Real* in[B::rows];
    for (int r = 0; r < B::rows; ++r) in[r] = input + (run.input + offsets[r]);
    for (Index k = 0; k < length; ++k, row += B::width) {
      hn::Vec<decltype(d)> w[B::vectors];
      for (int v = 0; v < B::vectors; ++v) w[v] = hn::Load(d, row + v * B::lanes);
      for (int r = 0; r < B::rows; ++r) {
        const auto x = hn::Set(d, in[r][k * step]);
        for (int v = 0; v < B::vectors; ++v) sum[r][v] = Ops::fma(w[v], x, sum[r][v]);
      }
    }
  }
  for (int r = 0; r < B::rows; ++r)
    for (int v = 0; v < B::vectors; ++v) hn::Store(sum[r][v], d, sums + r * B::width + v * B::lanes);
}

/// Adds `count` arrays of `size` numbers, one after the other in memory, as reference::tree_sum does; the
/// result replaces the first. `size` is a multiple of the vector length.
template <class F, class Real = typename F::Real>
void tree_sum(Real* arrays, Index count, Index size) {
  const hn::ScalableTag<Real> d;
  for (Index distance = 1; distance < count; distance *= 2)
    for (Index g = 0; g + distance < count; g += 2 * distance) {
      Real* left = arrays + g * size;
      const Real* right = left + distance * size;
      for (Index i = 0; i < size; i += static_cast<Index>(hn::Lanes(d))) {
        hn::Store(VectorOps<F>::add(hn::Load(d, left + i), hn::Load(d, right + i)), d, left + i);
      }
    }
}

/// Adds the bias of each column (nullptr: none) to the sums of a block and rounds them to storage.
template <class F, class B, class Real = typename F::Real>
void finish(Real* sums, const Real* bias) {
  const hn::ScalableTag<Real> d;
  for (Index i = 0; i < B::size; i += B::lanes) {
    auto sum = hn::Load(d, sums + i);
    if (bias) sum = VectorOps<F>::add(sum, hn::Load(d, bias + i % B::width));
    hn::Store(VectorOps<F>::store(sum), d, sums + i);
  }
}

/// The biases padded to whole panels, or an empty pointer.
template <class B, class Real>
Scratch<Real> padded_bias(const Real* bias, Index columns) {
  if (!bias) return nullptr;
  Scratch<Real> out = scratch<Real>(B::panels(columns) * B::width);
  std::copy_n(bias, columns, out.get());
  std::fill(out.get() + columns, out.get() + B::panels(columns) * B::width, Real(0));
  return out;
}

/// Element (i, k) is data[i * stride + k * step], i < count.
template <class Real>
struct Operand {
  const Real* data;
  Index count, stride, step;
};

/// out[r][c] = store(sum over k < depth of columns(c, k) * rows(r, k) + bias[c]), row-major. The sum is one
/// chain per `group` consecutive k, the groups are added as a tree. Panels of columns are the units of
/// parallel work.
template <class F, class Real = typename F::Real>
void chain_gemm(const Operand<Real>& columns, const Operand<Real>& rows, Index depth, Index group,
                const Real* bias, Real* out) {
  with_block<Real>(rows.count, columns.count, [&](auto block) HWY_ATTR {
    using B = decltype(block);
    const Scratch<Real> biases = padded_bias<B>(bias, columns.count);
    const Index groups = std::max<Index>(1, (depth + group - 1) / group);
    const auto compute_panels = [&](Index begin, Index end) HWY_ATTR {
      const Scratch<Real> panel = scratch<Real>(std::max<Index>(1, depth) * B::width);
      const Scratch<Real> sums = scratch<Real>(groups * B::size);
      for (Index p = begin; p < end; ++p) {
        const Index first = p * B::width, used = std::min(B::width, columns.count - first);
        pack(panel.get(), B::width, columns.data + first * columns.stride, used, columns.stride, depth,
             columns.step);
        for (Index row = 0; row < rows.count; row += B::rows) {
          Index offsets[B::rows];
          for (Index r = 0; r < B::rows; ++r) offsets[r] = std::min(row + r, rows.count - 1) * rows.stride;
          std::fill_n(sums.get(), groups * B::size, Real(0));
          for (Index g = 0; g < groups; ++g) {
            const Run run{g * group, g * group * rows.step};
            continue_chains<F, B>(panel.get(), {&run, 1}, std::min(group, depth - g * group), rows.data,
                                  rows.step, offsets, sums.get() + g * B::size);
          }
          tree_sum<F>(sums.get(), groups, B::size);
          finish<F, B>(sums.get(), biases ? biases.get() + first : nullptr);
          for (Index r = 0; r < std::min<Index>(B::rows, rows.count - row); ++r) {
            std::copy_n(sums.get() + r * B::width, used, out + (row + r) * columns.count + first);
          }
        }
      }
    };
    cpu::parallel(B::panels(columns.count), depth * (B::width + rows.count * B::vectors), compute_panels);
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
