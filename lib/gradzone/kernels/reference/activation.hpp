// Activations and element-wise addition.
#pragma once

#include "gradzone/kernels/reference/reference_kernels.hpp"
#include "gradzone/kernels/reshape.hpp"

namespace gradzone {

namespace reference {

/// fl(slope * value), where slopes 0 and 1 are not multiplications but "+0" and "unchanged".
template <class F>
typename F::Real scaled(typename F::Real slope, typename F::Real value) {
  if (slope == 1) return value;
  if (slope == 0) return 0;
  return F::store(F::mul(slope, value));
}

/// Where x lies on a piecewise linear function: segment 0 ... kinks, and whether exactly on kink `segment`.
struct Place {
  std::size_t segment = 0;
  bool at_kink = false;
};

template <class Real>
Place place_of(Real x, const std::vector<double>& kinks) {
  Place place;
  while (place.segment < kinks.size()) {
    const Real kink = static_cast<Real>(kinks[place.segment]);
    if (x == kink) return {place.segment, true};
    if (x < kink) return place;
    ++place.segment;  // beyond this kink, or NaN
  }
  return place;
}

}  // namespace reference

template <class F>
void ReferenceKernels<F>::activation(const Activation& op, const T& x, T& y) const {
  const PiecewiseLinear function = piecewise(op);
  y = T(x.shape);
  for (Index i = 0; i < x.size(); ++i) {
    const std::size_t segment = reference::place_of(x[i], function.kinks).segment;
    if (op.kind == Activation::Kind::relu6 && segment == 2) {
      y[i] = x[i] != x[i] ? x[i] : Real(6);
    } else {
      y[i] = reference::scaled<F>(F::scalar(function.slopes[segment]), x[i]);
    }
  }
}

template <class F>
void ReferenceKernels<F>::activation_gradient(const Activation& op, const Choice& choice, const T& x,
                                              const T& dy, T& dx) const {
  const PiecewiseLinear function = piecewise(op);
  const std::vector<double> at_kinks = derivative_at_kinks(op, choice);
  reshape(dx, x.shape);
  for (Index i = 0; i < x.size(); ++i) {
    const reference::Place place = reference::place_of(x[i], function.kinks);
    const double slope = place.at_kink ? at_kinks[place.segment] : function.slopes[place.segment];
    dx[i] = reference::scaled<F>(F::scalar(slope), dy[i]);
  }
}

template <class F>
void ReferenceKernels<F>::add(const Add& op, const T& a, const T& b, T& y) const {
  y = T(a.shape);
  for (Index i = 0; i < a.size(); ++i) y[i] = F::store(op.subtract ? F::sub(a[i], b[i]) : F::add(a[i], b[i]));
}

}  // namespace gradzone
