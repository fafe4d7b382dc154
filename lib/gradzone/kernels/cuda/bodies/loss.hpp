// Losses (kernels/kernels.hpp states them).
#pragma once

#include "gradzone/kernels/cuda/bodies/tree.hpp"
#include "gradzone/kernels/cuda/launch.hpp"

namespace gradzone::device {

/// Each image's cross-entropy, and the gradient of their mean unless dz is null. A block is an image.
template <class F>
struct CrossEntropy {
  using Real = typename F::Real;
  static constexpr int threads = 32;
  struct Shared {
    Real largest, sum;
  };
  using State = Nothing;

  const Real* z;  ///< [images][classes], as dz and e
  const int* labels;
  Real *e, *losses, *dz;
  Index classes;
  Real images;

  GRADZONE_HOST_DEVICE int steps(Index, const State&) const { return 2; }
  GRADZONE_HOST_DEVICE void begin(Index n, int thread, Shared& shared, State&) const {
    if (thread > 0) return;
    const Real* row = z + n * classes;
    shared.largest = row[0];
    for (Index k = 1; k < classes; ++k)
      if (row[k] > shared.largest || row[k] != row[k]) shared.largest = row[k];
  }
  GRADZONE_HOST_DEVICE void step(int s, Index n, int thread, Shared& shared, State&) const {
    if (s == 0) {
      for (Index k = thread; k < classes; k += threads)
        e[n * classes + k] = F::exp(F::sub(z[n * classes + k], shared.largest));
    } else if (thread == 0) {
      shared.sum = 0;
      for (Index k = 0; k < classes; ++k) shared.sum = F::add(shared.sum, e[n * classes + k]);
      losses[n] = F::sub(F::log(shared.sum), F::sub(z[n * classes + labels[n]], shared.largest));
    }
  }
  GRADZONE_HOST_DEVICE void end(Index n, int thread, Shared& shared, State&) const {
    if (dz == nullptr) return;
    for (Index k = thread; k < classes; k += threads) {
      const Real p = F::div(e[n * classes + k], shared.sum);
      dz[n * classes + k] = F::store(F::div(k == labels[n] ? F::sub(p, Real(1)) : p, images));
    }
  }
};

/// loss = store(tree of group sums / images)
template <class F>
struct MeanLoss {
  using Real = typename F::Real;
  const Real* sums;  ///< [groups]
  Real* loss;
  Index groups;
  Real images;
  GRADZONE_HOST_DEVICE void operator()(Index) const {
    *loss = F::store(F::div(tree_sum<F>(sums, 1, groups), images));
  }
};

/// sum = store(chain sum of x)
template <class F>
struct ChainSum {
  using Real = typename F::Real;
  const Real* x;
  Real* sum;
  Index count;
  GRADZONE_HOST_DEVICE void operator()(Index) const {
    Real total = 0;
    for (Index i = 0; i < count; ++i) total = F::add(total, x[i]);
    *sum = F::store(total);
  }
};

template <class Real>
struct Fill {
  Real* x;
  Real value;
  GRADZONE_HOST_DEVICE void operator()(Index i) const { x[i] = value; }
};

}  // namespace gradzone::device
