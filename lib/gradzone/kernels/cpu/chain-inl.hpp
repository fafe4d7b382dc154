// The one inner loop of convolutions, linear layers and their gradients. A block of R x (V vectors) sums
// advances through its chains together: in each step a row of a `panel` (consecutive lanes are different
// outputs) meets one number of each of the R inputs. No sum is ever split, so every chain is the reference's.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_CHAIN_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_CHAIN_INL
#undef GRADZONE_KERNELS_CPU_CHAIN_INL
#else
#define GRADZONE_KERNELS_CPU_CHAIN_INL
#endif

#include <algorithm>
#include <span>
#include <type_traits>

#include "gradzone/kernels/cpu/arithmetic-inl.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"
#include "gradzone/kernels/cpu/parts-inl.hpp"
#include "gradzone/kernels/cpu/scratch.hpp"
#include "gradzone/kernels/cpu/taps.hpp"
#include "gradzone/kernels/kernels.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using cpu::Run;
using cpu::Scratch;

/// The shape of a register block: `rows` x `vectors` vectors of `Tag`.
template <class Tag, int Vectors, int Rows>
struct Block {
  using Lanes = Tag;
  static constexpr int vectors = Vectors, rows = Rows;
  static constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Tag()));
  static constexpr Index width = Vectors * lanes;  ///< columns of a panel
  static constexpr Index size = rows * width;      ///< sums of a block
  static Index panels(Index columns) { return (columns + width - 1) / width; }
};

/// Vectors a row of sums takes at most: what the registers hold beside the operands.
#if HWY_TARGET == HWY_AVX2
inline constexpr int most_vectors = 2;
#else
inline constexpr int most_vectors = 4;
#endif

/// Splits `columns` outputs (the vectorised side) into panels: calls visit(Block, first, count) for as many
/// full-width panels as there are, then for what is left, in the narrowest shape that holds it. Each shape
/// keeps enough sums in flight to hide the latency of a fused multiply-add, and few enough rows for their
/// addresses to stay in registers.
template <class Real, class Visit>
void for_each_width(Index columns, const Visit& visit) {
  using Full = hn::ScalableTag<Real>;
  using Half = hn::CappedTag<Real, 32 / sizeof(Real)>;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(Full()));
  const Index whole = columns / (most_vectors * lanes) * (most_vectors * lanes), rest = columns - whole;
  if (whole > 0) visit(Block<Full, most_vectors, 6>(), Index{0}, whole);
  if (rest == 0) return;
  if (rest <= static_cast<Index>(hn::MaxLanes(Half()))) return visit(Block<Half, 1, 9>(), whole, rest);
  if (rest <= lanes) return visit(Block<Full, 1, 9>(), whole, rest);
  if constexpr (most_vectors > 2) {
    if (rest <= 2 * lanes) return visit(Block<Full, 2, 12>(), whole, rest);
    if (rest <= 3 * lanes) return visit(Block<Full, 3, 8>(), whole, rest);
  }
  visit(Block<Full, most_vectors, 6>(), whole, rest);
}

/// panel[k * width + lane] = source[lane * lane_stride + k * step], lanes from `count` on are zero.
template <class Real>
void pack(Real* panel, Index width, const Real* source, Index count, Index lane_stride, Index depth,
          Index step) {
  // Tiles of the source stay in the first-level cache whichever of the two strides is the long one.
  constexpr Index tile = 32;
  for (Index begin = 0; begin < depth; begin += tile) {
    const Index end = std::min(depth, begin + tile);
    for (Index lane = 0; lane < count; ++lane)
      for (Index k = begin; k < end; ++k) panel[k * width + lane] = source[lane * lane_stride + k * step];
    for (Index lane = count; lane < width; ++lane)
      for (Index k = begin; k < end; ++k) panel[k * width + lane] = 0;
  }
}

/// Rows of a panel: `stride` numbers apart.
template <class Real>
struct Panel {
  const Real* data;
  Index stride;
};

using UnitStep = std::integral_constant<Index, 1>;

/// Where the results of a block go: column c of row r to to[r][c], c < used.
template <class Real>
struct Results {
  Real* const* to;
  Index used;
  const Real* bias;  ///< of each column, a whole panel's; nullptr: none
  bool relu;         ///< also max(0, .), as Kernels::activation does it
};

/// Adds the bias, rounds to storage, and writes the sums of one row.
template <class F, class B, class V, class Real = typename F::Real>
HWY_INLINE void write_row(const V (&sums)[B::vectors], const Results<Real>& results, Real* to) {
  using Ops = VectorOps<F>;
  const typename B::Lanes d;
  for (int v = 0; v < B::vectors; ++v) {
    const Index column = v * B::lanes;
    V y = sums[v];
    if (results.bias) y = Ops::add(y, hn::Load(d, results.bias + column));
    y = Ops::store(y);
    if (results.relu) y = hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), y);
    if (column + B::lanes <= results.used) {
      hn::StoreU(y, d, to + column);
    } else if (column < results.used) {
      save_first(d, y, results.used - column, to + column);
    }
  }
}

/// Takes the sums of a block through all runs. Row r reads its inputs at input + offsets[r], step by step.
/// The chains begin at zero if `fresh`, else at `sums` [B::rows][B::width]; they end in `results`, or if that
/// is nullptr in `sums` again.
template <class F, class B, class Step, class Real = typename F::Real>
HWY_NOINLINE void continue_chains(const Panel<Real>& panel, std::span<const Run> runs, const Real* input,
                                  Step step, const Index* offsets, bool fresh, Real* sums,
                                  const Results<Real>* results = nullptr) {
  using Ops = VectorOps<F>;
  const typename B::Lanes d;
  hn::Vec<typename B::Lanes> sum[B::rows][B::vectors];
  for (int r = 0; r < B::rows; ++r)
    for (int v = 0; v < B::vectors; ++v)
      sum[r][v] = fresh ? hn::Zero(d) : hn::Load(d, sums + r * B::width + v * B::lanes);
  const Real* in[B::rows];
  for (int r = 0; r < B::rows; ++r) in[r] = input + offsets[r];
  for (const Run& run : runs) {
    const Real* row = panel.data + run.panel_row * panel.stride;
    const Real* const end = row + run.length * panel.stride;
    for (Index at = run.input; row != end; at += step, row += panel.stride) {
      hn::Vec<typename B::Lanes> w[B::vectors];
      for (int v = 0; v < B::vectors; ++v) w[v] = hn::LoadU(d, row + v * B::lanes);
      for (int r = 0; r < B::rows; ++r) {
        const auto x = hn::Set(d, in[r][at]);
        for (int v = 0; v < B::vectors; ++v) sum[r][v] = Ops::fma(w[v], x, sum[r][v]);
      }
    }
  }
  for (int r = 0; r < B::rows; ++r) {
    if (results) {
      if (results->to[r]) write_row<F, B>(sum[r], *results, results->to[r]);
      continue;
    }
    for (int v = 0; v < B::vectors; ++v) hn::Store(sum[r][v], d, sums + r * B::width + v * B::lanes);
  }
}

/// The biases padded to whole panels, or none.
template <class B, class Real>
Scratch<Real> padded_bias(const Real* bias, Index columns) {
  if (!bias) return {};
  Scratch<Real> out(B::panels(columns) * B::width);
  std::copy_n(bias, columns, out.get());
  std::fill(out.get() + columns, out.get() + B::panels(columns) * B::width, Real(0));
  return out;
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
