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

/// Bytes 0 ... 255 as numbers, and numbers 0 or 1 as bytes.
template <class D>
HWY_INLINE hn::Vec<D> load_bytes(D d, const std::uint8_t* from) {
  const auto bytes = hn::LoadU(hn::Rebind<std::uint8_t, D>(), from);
  const auto integers = hn::PromoteTo(hn::Rebind<std::int32_t, D>(), bytes);
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::ConvertTo(d, integers);
  } else {
    return hn::PromoteTo(d, integers);
  }
}
template <class D>
HWY_INLINE void store_bytes(D, hn::Vec<D> v, std::uint8_t* to) {
  const hn::Rebind<std::int32_t, D> d32;
  const hn::Rebind<std::uint8_t, D> d8;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(d32, v)), d8, to);
  } else {
    hn::StoreU(hn::DemoteTo(d8, hn::DemoteTo(d32, v)), d8, to);
  }
}

/// A NaN is maximal, and the first one alone in its argmax set: mends channels [c, c + lanes) of a window.
template <class Real>
void settle_nan(const Window& w, const PoolShape& s, const ClippedWindow& window, const Real* x, Index c,
                Index lanes, Real* y, std::uint8_t* sets) {
  for (Index channel = c; channel < c + lanes; ++channel) {
    Index first = -1;
    window.for_each(w, s.w, [&](Index position, Index pixel) {
      const Real value = x[pixel * s.channels + channel];
      if (first < 0 && value != value) first = position;
    });
    if (first < 0) continue;
    y[channel] = std::numeric_limits<Real>::quiet_NaN();
    for (Index p = 0; p < w.kernel_h * w.kernel_w; ++p) sets[p * s.channels + channel] = p == first;
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
      store_bytes(d, is_best, sets + position * s.channels + c);
    });
    hn::StoreU(best, d, y + c);
    if (!hn::AllFalse(d, has_nan)) {
      settle_nan(w, s, window, x, c, static_cast<Index>(hn::Lanes(d)), y, sets);
    }
  });
}

template <class F, class T = Tensor<typename F::Real>>
void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y, ArgmaxSets& sets) {
  using Real = typename F::Real;
  using Ops = VectorOps<F>;
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
      const auto m = hn::LoadU(d, out + c);
      const auto u = Ops::store(Ops::mul(hn::Set(d, beta), m)), v = Ops::store(Ops::mul(hn::Set(d, rest), m));
      hn::StoreU(Ops::store(Ops::add(u, v)), d, out + c);
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

/// The share that each entry of one window gets, asked in window order.
template <class D>
struct Shares {
  D d;
  Share<hn::Vec<D>> share;
  hn::Vec<D> before;  ///< maximal entries so far
  const std::uint8_t* sets;
  Index channels;

  HWY_INLINE hn::Vec<D> operator()(Index position, Index) {
    const auto member = load_bytes(d, sets + position * channels);
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
  scatter<F>(op.window, s, dx, [&](Index n, Index output, const ClippedWindow&, auto d, Index c) HWY_ATTR {
    const Index at = n * s.outputs() + output;
    const std::uint8_t* own = sets.data() + at * size * s.channels + c;
    const auto g = hn::LoadU(d, &dy[at * s.channels + c]);
    Share<hn::Vec<decltype(d)>> share{g, hn::Zero(d)};
    if (!native) {
      auto count = hn::Zero(d);
      for (Index p = 0; p < size; ++p) count = hn::Add(count, load_bytes(d, own + p * s.channels));
      share = share_of<F>(d, form, beta, rest, count, g);
    }
    return Shares<decltype(d)>{d, share, hn::Zero(d), own, s.channels};
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
