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

template <class Ops, class Real>
HWY_INLINE void update(const SgdScalars<Real>& s, const Slices<Real>& at, Index i) {
  auto w = Ops::load(at.parameter + i), g = Ops::load(at.gradient + i);
  if (s.decay != 0) g = Ops::store(Ops::fma(Ops::scalar(s.decay), w, g));
  if (s.momentum != 0) {
    const auto mu = Ops::scalar(s.momentum);
    auto b = Ops::load(at.first + i);
    b = Ops::store(Ops::mul(mu, b));
    b = Ops::store(Ops::add(g, b));
    Ops::save(b, at.first + i);
    g = s.nesterov ? Ops::store(Ops::fma(mu, b, g)) : b;
  }
  Ops::save(Ops::store(Ops::fma(Ops::scalar(s.minus_rate), g, w)), at.parameter + i);
}

template <class Ops, class Real>
HWY_INLINE void update(const AdamScalars<Real>& s, const Slices<Real>& at, Index i) {
  auto w = Ops::load(at.parameter + i), g = Ops::load(at.gradient + i);
  auto m = Ops::load(at.first + i), v = Ops::load(at.second + i);
  if (s.decay != 0) g = Ops::store(Ops::fma(Ops::scalar(s.decay), w, g));
  if (s.shrink != 1) w = Ops::store(Ops::mul(Ops::scalar(s.shrink), w));
  m = Ops::store(Ops::mul(Ops::scalar(s.beta1), m));
  m = Ops::store(Ops::fma(Ops::scalar(s.rest1), g, m));
  v = Ops::store(Ops::mul(Ops::scalar(s.beta2), v));
  v = Ops::store(Ops::fma(Ops::mul(Ops::scalar(s.rest2), g), g, v));
  Ops::save(m, at.first + i);
  Ops::save(v, at.second + i);
  auto d = Ops::store(Ops::sqrt(v));
  d = Ops::store(Ops::div(d, Ops::scalar(s.correction)));
  d = Ops::store(Ops::add(d, Ops::scalar(s.epsilon)));
  const auto change = Ops::div(Ops::mul(Ops::scalar(s.minus_step), m), d);
  Ops::save(Ops::store(Ops::add(w, change)), at.parameter + i);
}

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
