// DeviceUpdates as bodies that a queue runs (kernels/cuda/launch.hpp).
#pragma once

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
  Scalars scalars;
  Slices<typename F::Real> slices;
  GRADZONE_HOST_DEVICE void operator()(Index i) const { update<EntryOps<F>>(scalars, slices, i); }
};

template <class F>
struct Scale {
  using Real = typename F::Real;
  Real* values;
  Real factor;
  GRADZONE_HOST_DEVICE void operator()(Index i) const { values[i] = F::mul(values[i], factor); }
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

  UpdatesOn(Device& device, Queue queue) : device_(device), queue_(std::move(queue)) {}

  void sgd(const SgdScalars<Real>& scalars, const Slices<Real>& slices, Index count) const override {
    run_each(queue_, count, Update<F, SgdScalars<Real>>{scalars, slices});
  }
  void adam(const AdamScalars<Real>& scalars, const Slices<Real>& slices, Index count) const override {
    run_each(queue_, count, Update<F, AdamScalars<Real>>{scalars, slices});
  }
  bool all_finite(const Real* values, Index count) const override {
    found_.resize(device_, 1);
    run_each(queue_, 1, Forget{found_.data()});
    run_each(queue_, count, FindNonFinite<Real>{values, found_.data()});
    return found_.download()[0] == 0;
  }
  void scale(Real* values, Index count, Real factor) const override {
    run_each(queue_, count, Scale<F>{values, factor});
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
  Device& device_;
  Queue queue_;
  mutable DeviceArray<int> found_;
};

}  // namespace gradzone::device
