// Operations that treat every entry alike.
#pragma once

#include "gradzone/choice/choice.hpp"
#include "gradzone/kernels/cuda/divisor.hpp"
#include "gradzone/kernels/cuda/launch.hpp"

namespace gradzone::device {

/// store(slope * value); slopes 0 and 1 are "+0" and "unchanged".
template <class F>
GRADZONE_HOST_DEVICE typename F::Real scaled(typename F::Real slope, typename F::Real value) {
  if (slope == 1) return value;
  if (slope == 0) return 0;
  return F::store(F::mul(slope, value));
}

/// A piecewise linear function of at most two kinks, with a derivative at each of them.
template <class F>
struct Segments {
  using Real = typename F::Real;
  int kinks = 0;
  Real kink[2] = {}, slope[3] = {}, at_kink[2] = {};
  bool constant_6 = false;  ///< above the second kink, where the slope is 0

  Segments(const Activation& op, const Choice& choice) : constant_6(op.kind == Activation::Kind::relu6) {
    const PiecewiseLinear function = piecewise(op);
    const std::vector<double> derivatives = derivative_at_kinks(op, choice);
    for (const double k : function.kinks) {
      at_kink[kinks] = F::scalar(derivatives[static_cast<std::size_t>(kinks)]);
      kink[kinks++] = static_cast<Real>(k);
    }
    for (int s = 0; s <= kinks; ++s) slope[s] = F::scalar(function.slopes[static_cast<std::size_t>(s)]);
  }
  /// A kink belongs to the segment below it; NaN to the last segment.
  GRADZONE_HOST_DEVICE int segment(Real x) const {
    int s = 0;
    while (s < kinks && !(x <= kink[s])) ++s;
    return s;
  }
};

template <class F>
struct Activate {
  using Real = typename F::Real;
  Segments<F> function;
  const Real* x;
  Real* y;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    const Real v = x[i];
    const int s = function.segment(v);
    if (function.constant_6 && s == 2) {
      y[i] = v != v ? v : Real(6);
    } else {
      y[i] = scaled<F>(function.slope[s], v);
    }
  }
};

template <class F>
struct ActivateGradient {
  using Real = typename F::Real;
  Segments<F> function;
  const Real *x, *dy;
  Real* dx;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    const Real v = x[i];
    const int s = function.segment(v);
    const bool at_kink = s < function.kinks && v == function.kink[s];
    dx[i] = scaled<F>(at_kink ? function.at_kink[s] : function.slope[s], dy[i]);
  }
};

template <class F>
struct AddEntries {
  using Real = typename F::Real;
  const Real *a, *b;
  Real* y;
  bool subtract;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    y[i] = F::store(subtract ? F::sub(a[i], b[i]) : F::add(a[i], b[i]));
  }
};

template <class F>
struct Negate {
  using Real = typename F::Real;
  const Real* x;
  Real* y;
  GRADZONE_HOST_DEVICE void operator()(Index i) const { y[i] = -x[i]; }
};

template <class F>
struct Round {
  using Real = typename F::Real;
  Real* x;
  GRADZONE_HOST_DEVICE void operator()(Index i) const { x[i] = F::store(x[i]); }
};

/// Every image, rows x columns numbers, transposed. Entry i of the result.
template <class Real>
struct TransposeImages {
  const Real* from;
  Real* to;
  Divisor rows, columns;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    int rest = static_cast<int>(i);
    const int row = rows.split(rest), column = columns.split(rest);
    to[i] = from[(Index{rest} * rows.value() + row) * columns.value() + column];
  }
};

}  // namespace gradzone::device
