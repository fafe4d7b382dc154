// Batch norm: what follows its sums (group_sums.hpp).
#pragma once

#include "gradzone/kernels/cuda/bodies/tree.hpp"
#include "gradzone/kernels/cuda/divisor.hpp"

namespace gradzone::device {

/// mean = tree of group sums / M, for every channel; likewise the variance.
template <class F>
struct BatchMean {
  using Real = typename F::Real;
  const Real* sums;
  Real* mean;
  Index groups, channels;
  Real count;
  GRADZONE_HOST_DEVICE void operator()(Index c) const {
    mean[c] = F::div(tree_sum<F>(sums + c, channels, groups), count);
  }
};

template <class F>
struct InverseDeviation {
  using Real = typename F::Real;
  const Real* variance;
  Real* inverse;
  Real eps;
  GRADZONE_HOST_DEVICE void operator()(Index c) const {
    inverse[c] = F::div(1, F::sqrt(F::add(variance[c], eps)));
  }
};

template <class F>
struct Normalise {
  using Real = typename F::Real;
  const Real *x, *weight, *bias, *mean, *inverse;
  Real* y;
  Divisor channels;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    int rest = static_cast<int>(i);
    const int c = channels.split(rest);
    y[i] = F::store(F::fma(weight[c], F::mul(F::sub(x[i], mean[c]), inverse[c]), bias[c]));
  }
};

/// What every entry of a channel's gradient needs.
template <class F>
struct ChannelGradients {
  using Real = typename F::Real;
  const Real* sums;  ///< [2][groups][channels]: of g, of g x^
  Real *dw, *db, *mean_g, *mean_gx;
  Index groups, channels;
  Real count;
  GRADZONE_HOST_DEVICE void operator()(Index c) const {
    const Real sum_g = tree_sum<F>(sums + c, channels, groups);
    const Real sum_gx = tree_sum<F>(sums + groups * channels + c, channels, groups);
    db[c] = F::store(sum_g);
    dw[c] = F::store(sum_gx);
    mean_g[c] = F::div(sum_g, count);
    mean_gx[c] = F::div(sum_gx, count);
  }
};

template <class F>
struct NormaliseGradient {
  using Real = typename F::Real;
  const Real *x, *dy, *weight, *mean, *inverse, *mean_g, *mean_gx;
  Real* dx;
  Divisor channels;
  bool training;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    int rest = static_cast<int>(i);
    const int c = channels.split(rest);
    const Real normalised = F::mul(F::sub(x[i], mean[c]), inverse[c]);
    const Real centred = training ? F::fma(-normalised, mean_gx[c], F::sub(dy[i], mean_g[c])) : dy[i];
    dx[i] = F::store(F::mul(F::mul(weight[c], inverse[c]), centred));
  }
};

}  // namespace gradzone::device
