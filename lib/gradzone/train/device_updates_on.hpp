// DeviceUpdates as bodies that a queue runs (kernels/cuda/launch.hpp).
#pragma once

#include <cmath>
#include <utility>

#include "gradzone/arith/formats.hpp"
#include "gradzone/eval/search_bodies.hpp"
#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/cuda/launch.hpp"
#include "gradzone/train/device_updates.hpp"
#include "gradzone/train/running_statistics.hpp"

namespace gradzone::device {

/// The arithmetic of one number of format F.
template <class F>
struct EntryOps : F {
  using V = typename F::Real;
  GRADZONE_HOST_DEVICE static V load(const V* p) { return *p; }
  GRADZONE_HOST_DEVICE static void save(V v, V* p) { *p = v; }
  GRADZONE_HOST_DEVICE static V scalar(V s) { return s; }
};

#define GRADZONE_UPDATE_RULE GRADZONE_HOST_DEVICE
#include "gradzone/train/update_rules-inl.hpp"

template <class F, class Scalars>
struct Update {
  using Real = typename F::Real;
  const Scalars* scalars;
  Slices<Real> slices;
  OnlyFinite<Real> condition;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    if (condition.non_finite != nullptr && *condition.non_finite != 0) return;
    if (condition.loss != nullptr && !std::isfinite(*condition.loss)) return;
    update<EntryOps<F>>(*scalars, slices, i);
  }
};

template <class F>
struct Scale {
  using Real = typename F::Real;
  Real* values;
  const Real* factor;
  GRADZONE_HOST_DEVICE void operator()(Index i) const { values[i] = F::mul(values[i], *factor); }
};

template <class Real>
struct Report {
  const Real* loss;
  const int* non_finite;
  const Real* logits;
  Real* out;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    out[StepReport::logits + i] = logits[i];
    if (i > 0) return;
    out[StepReport::loss] = *loss;
    out[StepReport::non_finite] = *non_finite != 0 ? Real(1) : Real(0);
  }
};

template <class F>
struct UpdateStatistics {
  using Real = typename F::Real;
  const Real *mean, *variance;
  Real unbiased;
  Real *running_mean, *running_variance;
  GRADZONE_HOST_DEVICE void operator()(Index c) const {
    running_mean[c] = running_statistic<F>(mean[c], running_mean[c]);
    running_variance[c] = running_statistic<F>(F::mul(variance[c], unbiased), running_variance[c]);
  }
};

template <class Real>
struct CutImages {
  ImagesView images;
  const ImageCut* cuts;
  Real* x;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    const Index c = i % images.channels, pixel = i / images.channels;
    const Index column = pixel % images.width, row = pixel / images.width % images.height;
    const ImageCut cut = cuts[pixel / images.width / images.height];
    const Index from_row = row + cut.top,
                from_column = (cut.flip ? images.width - 1 - column : column) + cut.left;
    const bool inside =
        from_row >= 0 && from_row < images.height && from_column >= 0 && from_column < images.width;
    const Index at =
        ((cut.image * images.channels + c) * images.height + from_row) * images.width + from_column;
    x[i] = static_cast<Real>(inside ? images.values[at] : images.border[c]);
  }
};

template <class F, class Queue>
class UpdatesOn final : public DeviceUpdates<F> {
 public:
  using Real = typename F::Real;

  explicit UpdatesOn(Queue queue) : queue_(std::move(queue)) {}

  void sgd(const SgdScalars<Real>* scalars, const Slices<Real>& slices, Index count,
           const OnlyFinite<Real>& condition) const override {
    run_each(queue_, count, Update<F, SgdScalars<Real>>{scalars, slices, condition});
  }
  void adam(const AdamScalars<Real>* scalars, const Slices<Real>& slices, Index count,
            const OnlyFinite<Real>& condition) const override {
    run_each(queue_, count, Update<F, AdamScalars<Real>>{scalars, slices, condition});
  }
  void find_non_finite(const Real* values, Index count, int* found) const override {
    run_each(queue_, 1, Forget{found});
    run_each(queue_, count, FindNonFinite<Real>{values, found});
  }
  void scale(Real* values, Index count, const Real* factor) const override {
    run_each(queue_, count, Scale<F>{values, factor});
  }
  void report(const Real* loss, const int* non_finite, const Real* logits, Index count,
              Real* out) const override {
    run_each(queue_, count, Report<Real>{loss, non_finite, logits, out});
  }
  void running_statistics(const Real* mean, const Real* variance, Real unbiased, Real* running_mean,
                          Real* running_variance, Index channels) const override {
    run_each(queue_, channels, UpdateStatistics<F>{mean, variance, unbiased, running_mean, running_variance});
  }
  void cut_images(const ImagesView& images, const ImageCut* cuts, Index count, Real* x) const override {
    run_each(queue_, count * images.height * images.width * images.channels,
             CutImages<Real>{images, cuts, x});
  }

 private:
  Queue queue_;
};

}  // namespace gradzone::device
