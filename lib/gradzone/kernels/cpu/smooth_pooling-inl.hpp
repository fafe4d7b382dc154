// Average and norm pooling, vectors of channels at a time.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_SMOOTH_POOLING_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_SMOOTH_POOLING_INL
#undef GRADZONE_KERNELS_CPU_SMOOTH_POOLING_INL
#else
#define GRADZONE_KERNELS_CPU_SMOOTH_POOLING_INL
#endif

#include "gradzone/kernels/cpu/windows-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

template <class F, class T = Tensor<typename F::Real>>
void avg_pool(const Window& w, const T& x, T& y) {
  using Real = typename F::Real;
  using Ops = VectorOps<F>;
  const PoolShape s = pool_shape(x, y);
  const Real size = static_cast<Real>(w.kernel_h * w.kernel_w);
  for_each_window(w, s, x.dim(0), [&](Index n, Index output, const ClippedWindow& window) HWY_ATTR {
    for_each_vector<Real>(0, s.channels, [&](auto d, Index c) HWY_ATTR {
      auto sum = hn::Zero(d);
      window.for_each(w, s.w, [&](Index, Index pixel) HWY_ATTR {
        sum = Ops::add(sum, hn::LoadU(d, &x[n * s.in_size() + pixel * s.channels + c]));
      });
      hn::StoreU(Ops::store(Ops::div(sum, hn::Set(d, size))), d,
                 &y[(n * s.outputs() + output) * s.channels + c]);
    });
  });
}

template <class F, class T = Tensor<typename F::Real>>
void avg_pool_gradient(const Window& w, const T& dy, T& dx) {
  using Real = typename F::Real;
  using Ops = VectorOps<F>;
  const PoolShape s = pool_shape(dx, dy);
  const Real size = static_cast<Real>(w.kernel_h * w.kernel_w);
  scatter<F>(w, s, dx, [&](Index n, Index output, const ClippedWindow&, auto d, Index c) HWY_ATTR {
    const auto g = hn::LoadU(d, &dy[(n * s.outputs() + output) * s.channels + c]);
    const auto share = Ops::store(Ops::div(g, hn::Set(d, size)));
    return [share](Index, Index) HWY_ATTR { return share; };
  });
}

/// The norms of channels c, ... of one window of image x, in the accumulator.
template <class F, class D, class Real = typename F::Real>
HWY_INLINE hn::Vec<D> norm_of_window(const Window& w, const PoolShape& s, const ClippedWindow& window, D d,
                                     Index c, const Real* x) {
  auto sum = hn::Zero(d);
  window.for_each(w, s.w, [&](Index, Index pixel) HWY_ATTR {
    const auto v = hn::LoadU(d, x + pixel * s.channels + c);
    sum = VectorOps<F>::fma(v, v, sum);
  });
  return VectorOps<F>::sqrt(sum);
}

template <class F, class T = Tensor<typename F::Real>>
void norm_pool(const Window& w, const T& x, T& y) {
  using Real = typename F::Real;
  const PoolShape s = pool_shape(x, y);
  for_each_window(w, s, x.dim(0), [&](Index n, Index output, const ClippedWindow& window) HWY_ATTR {
    for_each_vector<Real>(0, s.channels, [&](auto d, Index c) HWY_ATTR {
      const auto norm = norm_of_window<F>(w, s, window, d, c, &x[n * s.in_size()]);
      hn::StoreU(VectorOps<F>::store(norm), d, &y[(n * s.outputs() + output) * s.channels + c]);
    });
  });
}

/// What the entries of one window get: g x / norm, or at_zero g where the norm is zero.
template <class F, class D, class Real = typename F::Real>
struct NormShares {
  D d;
  hn::Vec<D> g, norm, at_zero;
  const Real* x;
  Index channels;

  HWY_INLINE hn::Vec<D> operator()(Index, Index pixel) const {
    using Ops = VectorOps<F>;
    const auto share = Ops::store(Ops::mul(g, Ops::div(hn::LoadU(d, x + pixel * channels), norm)));
    return hn::IfThenElse(hn::Eq(norm, hn::Zero(d)), at_zero, share);
  }
};

template <class F, class T = Tensor<typename F::Real>>
void norm_pool_gradient(const Window& w, const Choice& choice, const T& x, const T& dy, T& dx) {
  using Real = typename F::Real;
  const PoolShape s = pool_shape(dx, dy);
  const Real slope = F::scalar(choice.normpool_at_0);
  scatter<F>(w, s, dx, [&](Index n, Index output, const ClippedWindow& window, auto d, Index c) HWY_ATTR {
    const auto g = hn::LoadU(d, &dy[(n * s.outputs() + output) * s.channels + c]);
    const Real* image = &x[n * s.in_size()];
    return NormShares<F, decltype(d)>{d,
                                      g,
                                      norm_of_window<F>(w, s, window, d, c, image),
                                      weighted<F>(d, hn::Set(d, slope), g),
                                      image + c,
                                      s.channels};
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
