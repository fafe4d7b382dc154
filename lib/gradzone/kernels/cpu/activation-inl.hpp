// Piecewise linear activations and their gradients.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_ACTIVATION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_ACTIVATION_INL
#undef GRADZONE_KERNELS_CPU_ACTIVATION_INL
#else
#define GRADZONE_KERNELS_CPU_ACTIVATION_INL
#endif

#include <vector>

#include "gradzone/graph/operations.hpp"
#include "gradzone/kernels/cpu/arithmetic-inl.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"
#include "hwy/contrib/algo/transform-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// store(slope * value); slopes 0 and 1 are "+0" and "unchanged".
template <class F, class D, class V>
HWY_INLINE V scaled(D d, typename F::Real slope, V value) {
  if (slope == 1) return value;
  if (slope == 0) return hn::Zero(d);
  return VectorOps<F>::store(VectorOps<F>::mul(hn::Set(d, slope), value));
}

/// Kinks and slopes in the carrier type.
template <class F>
struct Segments {
  using Real = typename F::Real;
  std::vector<Real> kinks, slopes, at_kinks;

  Segments(const PiecewiseLinear& function, const std::vector<double>& derivatives_at_kinks) {
    for (const double kink : function.kinks) kinks.push_back(static_cast<Real>(kink));
    for (const double slope : function.slopes) slopes.push_back(F::scalar(slope));
    for (const double slope : derivatives_at_kinks) at_kinks.push_back(F::scalar(slope));
  }
};

/// y = activation(x). From the last segment down, so that a NaN stays on the last one.
template <class F, class T = Tensor<typename F::Real>>
void activate(const Activation& op, const T& x, T& y) {
  const Segments<F> s(piecewise(op), {});
  const auto value = [&](auto d, auto, auto v) HWY_ATTR {
    auto result = scaled<F>(d, s.slopes.back(), v);
    if (op.kind == Activation::Kind::relu6)
      result = hn::IfThenElse(hn::IsNaN(v), v, hn::Set(d, s.kinks.back()));
    for (std::size_t i = s.kinks.size(); i-- > 0;) {
      result = hn::IfThenElse(hn::Le(v, hn::Set(d, s.kinks[i])), scaled<F>(d, s.slopes[i], v), result);
    }
    return result;
  };
  cpu::parallel(x.size(), 1, [&](Index begin, Index end) HWY_ATTR {
    const hn::ScalableTag<typename F::Real> d;
    hn::Transform1(d, &y[begin], static_cast<std::size_t>(end - begin), &x[begin], value);
  });
}

/// dx = dy * (derivative at x), the derivative at each kink as given.
template <class F, class T = Tensor<typename F::Real>>
void activate_gradient(const Activation& op, const std::vector<double>& derivatives_at_kinks, const T& x,
                       const T& dy, T& dx) {
  const Segments<F> s(piecewise(op), derivatives_at_kinks);
  const bool usual_relu = op.kind == Activation::Kind::relu && s.at_kinks[0] == 0;
  const auto value = [&](auto d, auto g, auto v) HWY_ATTR {
    if (usual_relu) return hn::IfThenZeroElse(hn::Le(v, hn::Zero(d)), g);
    auto result = scaled<F>(d, s.slopes.back(), g);
    for (std::size_t i = s.kinks.size(); i-- > 0;) {
      const auto kink = hn::Set(d, s.kinks[i]);
      result = hn::IfThenElse(hn::Lt(v, kink), scaled<F>(d, s.slopes[i], g), result);
      result = hn::IfThenElse(hn::Eq(v, kink), scaled<F>(d, s.at_kinks[i], g), result);
    }
    return result;
  };
  cpu::parallel(x.size(), 1, [&](Index begin, Index end) HWY_ATTR {
    const hn::ScalableTag<typename F::Real> d;
    if (&dx != &dy) std::copy_n(&dy[begin], end - begin, &dx[begin]);
    hn::Transform1(d, &dx[begin], static_cast<std::size_t>(end - begin), &x[begin], value);
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
