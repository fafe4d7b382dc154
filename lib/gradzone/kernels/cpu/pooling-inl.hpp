// Max pooling, vectors of channels at a time.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_POOLING_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_POOLING_INL
#undef GRADZONE_KERNELS_CPU_POOLING_INL
#else
#define GRADZONE_KERNELS_CPU_POOLING_INL
#endif

#include <limits>

#include "gradzone/kernels/cpu/windows-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

/// Members of argmax sets, gathered from and scattered to every `size`-th byte: 0 or 1 in each lane.
template <class D>
HWY_INLINE hn::Vec<D> load_members(D d, const std::uint8_t* from, Index size) {
  HWY_ALIGN hn::TFromD<D> members[hn::MaxLanes(D())];
  for (std::size_t lane = 0; lane < hn::Lanes(d); ++lane)
    members[lane] = static_cast<hn::TFromD<D>>(from[static_cast<Index>(lane) * size]);
  return hn::Load(d, members);
}
template <class D>
HWY_INLINE void store_members(D d, hn::Vec<D> v, std::uint8_t* to, Index size) {
  HWY_ALIGN hn::TFromD<D> members[hn::MaxLanes(D())];
  hn::Store(v, d, members);
  for (std::size_t lane = 0; lane < hn::Lanes(d); ++lane)
    to[static_cast<Index>(lane) * size] = static_cast<std::uint8_t>(members[lane]);
}

/// A NaN is maximal, and the first one alone in its argmax set: mends channels [c, c + lanes) of a window.
template <class Real>
void settle_nan(const Window& w, const PoolShape& s, const ClippedWindow& window, const Real* x, Index c,
                Index lanes, Real* y, std::uint8_t* sets) {
  const Index size = w.kernel_h * w.kernel_w;
  for (Index channel = c; channel < c + lanes; ++channel) {
    Index first = -1;
    window.for_each(w, s.w, [&](Index position, Index pixel) {
      const Real value = x[pixel * s.channels + channel];
      if (first < 0 && value != value) first = position;
    });
    if (first < 0) continue;
    y[channel] = std::numeric_limits<Real>::quiet_NaN();
    for (Index p = 0; p < size; ++p) sets[channel * size + p] = p == first;
  }
}

/// The maxima of one window and their argmax sets.
template <class Real>
void max_of_window(const Window& w, const PoolShape& s, const ClippedWindow& window, const Real* x, Real* y,
                   std::uint8_t* sets) {
  const Index size = w.kernel_h * w.kernel_w;
  if (!window.is_whole(w)) std::fill_n(sets, size * s.channels, std::uint8_t{0});
  if (window.is_empty()) return (void)std::fill_n(y, s.channels, Real(0));
  for_each_vector<Real>(0, s.channels, [&](auto d, Index c) HWY_ATTR {
    const auto load = [&](Index pixel) HWY_ATTR { return hn::LoadU(d, x + pixel * s.channels + c); };
    auto best = load(window.row_begin * s.w + window.column_begin);
    auto has_nan = hn::IsNaN(best);
    window.for_each(w, s.w, [&](Index, Index pixel) HWY_ATTR {
      const auto value = load(pixel);
      best = hn::IfThenElse(hn::Gt(value, best), value, best);  // of equal entries the first
      has_nan = hn::Or(has_nan, hn::IsNaN(value));
    });
    window.for_each(w, s.w, [&](Index position, Index pixel) HWY_ATTR {
      const auto is_best = hn::IfThenElseZero(hn::Eq(load(pixel), best), hn::Set(d, Real(1)));
      store_members(d, is_best, sets + c * size + position, size);
    });
    hn::StoreU(best, d, y + c);
    if (!hn::AllFalse(d, has_nan)) {
      settle_nan(w, s, window, x, c, static_cast<Index>(hn::Lanes(d)), y, sets);
    }
  });
}

/// The composed form of the maximum m: fl(fl(beta m) + fl((1 - beta) m)).
template <class F, class D, class V = hn::Vec<D>>
HWY_INLINE V composed(D d, typename F::Real beta, typename F::Real rest, V m) {
  using Ops = VectorOps<F>;
  const V u = Ops::store(Ops::mul(hn::Set(d, beta), m)), v = Ops::store(Ops::mul(hn::Set(d, rest), m));
  return Ops::store(Ops::add(u, v));
}

template <class F, class T = Tensor<typename F::Real>>
void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y, ArgmaxSets& sets) {
  using Real = typename F::Real;
  const Window& w = op.window;
  const PoolShape s = pool_shape(x, y);
  const Index set_size = w.kernel_h * w.kernel_w * s.channels;
  const Real beta = F::scalar(beta_of(op, choice)), rest = F::scalar(1 - beta_of(op, choice));
  sets.resize(static_cast<std::size_t>(x.dim(0) * s.outputs() * set_size));
  for_each_window(w, s, x.dim(0), [&](Index n, Index output, const ClippedWindow& window) HWY_ATTR {
    const Index at = n * s.outputs() + output;
    Real* out = &y[at * s.channels];
    max_of_window(w, s, window, &x[n * s.in_size()], out, sets.data() + at * set_size);
    if (form == Form::direct) return;
    for_each_vector<Real>(0, s.channels, [&](auto d, Index c) HWY_ATTR {
      hn::StoreU(composed<F>(d, beta, rest, hn::LoadU(d, out + c)), d, out + c);
    });
  });
}

/// What a window passes back: to the first maximal entry, and to every other one.
template <class V>
struct Share {
  V first, other;
};

template <class F, class D, class V = hn::Vec<D>>
HWY_INLINE Share<V> share_of(D d, Form form, typename F::Real beta, typename F::Real rest, V count, V g) {
  using Ops = VectorOps<F>;
  const V b = hn::Set(d, beta), r = hn::Set(d, rest);
  if (form == Form::direct) {
    const V weight = Ops::div(b, count);
    return {weighted<F>(d, Ops::add(weight, r), g), weighted<F>(d, weight, g)};
  }
  const V u = Ops::store(Ops::div(Ops::store(Ops::mul(b, g)), count));
  return {Ops::store(Ops::add(u, Ops::store(Ops::mul(r, g)))), u};
}

/// The share that each entry of a window gets, asked in window order.
template <class D>
struct MemberShares {
  D d;
  Share<hn::Vec<D>> share;
  hn::Vec<D> before;  ///< maximal entries so far
  const std::uint8_t* sets;
  Index size;

  HWY_INLINE hn::Vec<D> operator()(Index position, Index) {
    const auto member = load_members(d, sets + position, size);
    const auto value = hn::IfThenElse(hn::Gt(before, hn::Zero(d)), share.other, share.first);
    before = hn::Add(before, member);
    return hn::IfThenElseZero(hn::Gt(member, hn::Zero(d)), value);
  }
};

template <class F, class T = Tensor<typename F::Real>>
void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const ArgmaxSets& sets,
                       const T& dy, T& dx) {
  using Real = typename F::Real;
  const PoolShape s = pool_shape(dx, dy);
  const Index size = op.window.kernel_h * op.window.kernel_w;
  const Real beta = F::scalar(beta_of(op, choice)), rest = F::scalar(1 - beta_of(op, choice));
  const bool native = form == Form::direct && beta == 0;  // all to the first: weights 1 and 0
  const auto shares = [&](auto d, auto g, const auto& count) HWY_ATTR {
    if (native) return Share<decltype(g)>{g, hn::Zero(d)};
    return share_of<F>(d, form, beta, rest, count(), g);
  };
  const auto entry_at = [&](Index n, Index output, Index c) {
    return (n * s.outputs() + output) * s.channels + c;
  };
  scatter<F>(op.window, s, dx, [&](Index n, Index output, const ClippedWindow&, auto d, Index c) HWY_ATTR {
    const Index at = entry_at(n, output, c);
    const std::uint8_t* own = sets.data() + at * size;
    const auto count = [&]() HWY_ATTR {
      auto sum = hn::Zero(d);
      for (Index p = 0; p < size; ++p) sum = hn::Add(sum, load_members(d, own + p, size));
      return sum;
    };
    return MemberShares<decltype(d)>{d, shares(d, hn::LoadU(d, &dy[at]), count), hn::Zero(d), own, size};
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
