// The optimisers' update rules and the loops that apply them.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_TRAIN_UPDATE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_TRAIN_UPDATE_INL
#undef GRADZONE_TRAIN_UPDATE_INL
#else
#define GRADZONE_TRAIN_UPDATE_INL
#endif

#include "gradzone/kernels/cpu/arithmetic-inl.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"
#include "gradzone/train/update.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// The arithmetic of one number of format F.
template <class F>
struct NumberOps : F {
  using V = typename F::Real;
  static constexpr Index width = 1;
  static V load(const V* p) { return *p; }
  static void save(V v, V* p) { *p = v; }
  static V scalar(V s) { return s; }
};

#if HWY_NATIVE_FMA

/// The same for a vector of them.
template <class F>
struct LaneOps : VectorOps<F> {
  using Real = typename F::Real;
  using D = hn::ScalableTag<Real>;
  using V = hn::Vec<D>;
  static constexpr Index width = static_cast<Index>(hn::MaxLanes(D()));
  static HWY_INLINE V load(const Real* p) { return hn::LoadU(D(), p); }
  static HWY_INLINE void save(V v, Real* p) { hn::StoreU(v, D(), p); }
  static HWY_INLINE V scalar(Real s) { return hn::Set(D(), s); }
  static HWY_INLINE V div(V a, V b) { return accumulate(hn::Div(a, b)); }
  static HWY_INLINE V sqrt(V a) { return accumulate(hn::Sqrt(a)); }

 private:
  /// The machine's result, rounded to the accumulator.
  static HWY_INLINE V accumulate(V v) {
    if constexpr (F::accumulator_precision == F::precision) return VectorOps<F>::store(v);
    return v;
  }
};

#else

template <class F>
using LaneOps = NumberOps<F>;

#endif

#define GRADZONE_UPDATE_RULE HWY_INLINE
#include "gradzone/train/update_rules-inl.hpp"

/// Updates `count` entries; where vectors end, one at a time.
template <class F, class Scalars>
void update_all(const Scalars& scalars, const Slices<typename F::Real>& slices, Index count) {
  constexpr Index work_of_an_entry = 4;
  cpu::parallel(count, work_of_an_entry, [&](Index begin, Index end) HWY_ATTR {
    using Lanes = LaneOps<F>;
    Index i = begin;
    for (; i + Lanes::width <= end; i += Lanes::width) update<Lanes>(scalars, slices, i);
    for (; i < end; ++i) update<NumberOps<F>>(scalars, slices, i);
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
