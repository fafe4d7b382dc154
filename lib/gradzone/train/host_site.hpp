// HostSite: a training's numbers in the memory of this process, and what a step does to them beside the
// network's passes. DeviceSite (device_site.hpp) is the same on a device.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gradzone/data/batch_plan.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/eval/non_finite.hpp"
#include "gradzone/kernels/cuda/device.hpp"
#include "gradzone/kernels/layout.hpp"
#include "gradzone/kernels/reshape.hpp"
#include "gradzone/kernels/shared_batch_kernels.hpp"
#include "gradzone/train/amp16.hpp"
#include "gradzone/train/loss_scaler.hpp"
#include "gradzone/train/mix.hpp"
#include "gradzone/train/optimiser.hpp"
#include "gradzone/train/running_statistics.hpp"

namespace gradzone {

/// x = the images [begin, end) in the kernels' layout, rounded to F, in the memory it has.
template <class F>
void load_images(const Tensor<float>& images, Index begin, Index end, Tensor<typename F::Real>& x) {
  const Index channels = images.dim(1), area = images.size() / images.dim(0) / channels;
  reshape(x, channels_last(end - begin, {images.shape.begin() + 1, images.shape.end()}));
  transpose_images(&images.data[static_cast<std::size_t>(begin * channels * area)], x.data.data(),
                   end - begin, channels, area,
                   [](float v) { return F::store(static_cast<typename F::Real>(v)); });
}

/// What a step left behind, on the host.
template <class Real>
struct SeenStep {
  Real loss = 0;
  bool finite = true;   ///< all gradients of parameters
  Tensor<Real> logits;  ///< of all images of the step
  bool updated() const { return finite && std::isfinite(loss); }
};

template <class Mix>
class HostSite {
 public:
  using F = typename Mix::Computed;
  using Kept = typename Mix::Kept;
  using Real = typename F::Real;
  using Memory = HostMemory;
  using T = Tensor<Real>;

  /// `graph` must outlive the site, and so must `peers`, who share the steps; null if there are none.
  HostSite(const Graph& graph, const OptimiserOptions& options, Order order, Peers* peers)
      : graph_(graph), optimiser_(options, graph), order_(order) {
    if (peers != nullptr) batch_.emplace(*peers);
  }

  std::unique_ptr<Kernels<F>> kernels() const {
    return kernels_of<Mix>([&](auto f) { return make_cpu_kernels<typename decltype(f)::type>(order_); });
  }
  /// Of the passes of a step.
  std::unique_ptr<Kernels<F>> step_kernels() const {
    if (!batch_) return kernels();
    auto inner = kernels_of<Mix>(
        [&](auto f) { return make_cpu_kernels<typename decltype(f)::type>(order_, *batch_); });
    return make_shared_batch_kernels(std::move(inner), order_, *batch_);
  }

  const std::vector<T>& parameters() const { return parameters_; }
  void set_parameters(std::vector<T> parameters) {
    parameters_ = std::move(parameters);
    prepare_weights();
  }
  /// What the networks read.
  const std::vector<T>& weights() const { return Mix::mixed ? rounded_ : parameters_; }

  /// Names, state and steps; after changes to it, optimiser_changed().
  Optimiser<Kept>& optimiser() { return optimiser_; }
  void optimiser_changed() {}

  /// Runs a step; a device may play it back (Device::run), so that what differs from step to step comes
  /// before it, with begin_step().
  template <class Work>
  void run(Recording&, const Work& work) {
    work();
  }

  void load(const Tensor<float>& images, T& x) { load_images<F>(images, 0, images.dim(0), x); }
  /// Of the mini-batch of a step, what is computed here.
  void load_step(const Tensor<float>& images, T& x) {
    if (!batch_) return load(images, x);
    batch_->set_images(images.dim(0));
    load_images<F>(images, batch_->begin(), batch_->end(), x);
  }
  /// Images lie here anyway.
  bool hold(const Dataset&) { return false; }
  void load(const BatchPlan& plan, T& x) { load(planned_images(plan), x); }
  void load_step(const BatchPlan& plan, T& x) { load_step(planned_images(plan), x); }
  const T& on_host(const T& t) const { return t; }

  void set_labels(const std::vector<int>& labels) { labels_ = labels; }
  const std::vector<int>& labels() const { return labels_; }
  /// scale: of the loss in amp16.
  void begin_step(double rate, float scale) {
    rate_ = rate;
    scale_ = scale;
  }
  std::string non_finite_layer(const Activations<F>& activations, double loss,
                               const Gradients<F>& gradients) const {
    Index place = first_non_finite(graph_, activations, loss, gradients, all_finite<Real>);
    if (batch_) place = std::ranges::min(gather(batch_->peers(), place));
    return gradzone::non_finite_layer(graph_, place);
  }

  /// Before the first backward pass.
  void prepare(Gradients<F>&) {}
  void scale_and_round(T& logits_gradient) { gradzone::scale_and_round(logits_gradient, scale_); }
  /// Divides by the scale of amp16, after a look at whether all gradients are finite.
  void unscale(Gradients<F>& gradients) {
    if constexpr (Mix::mixed) {
      seen_.finite = gradzone::unscale(gradients.parameters, scale_);
    } else {
      seen_.finite = std::ranges::all_of(gradients.parameters, all_finite<Real>);
    }
  }
  /// The optimiser's step, unless the loss or a gradient is not finite.
  void update(const Gradients<F>& gradients, const T& loss) {
    seen_.loss = loss[0];
    if (seen_.updated()) optimiser_.step(parameters_, gradients.parameters, rate_);
  }
  /// The step that update() left out, after finish().
  void update_anyway(const Gradients<F>& gradients) {
    optimiser_.step(parameters_, gradients.parameters, rate_);
    prepare_weights();
  }
  /// What seen() is to tell, at the end of the step.
  void report(const T&, const T& logits) {
    seen_.logits = batch_ && batch_->is_shared() ? batch_->gather(logits) : logits;
  }
  const SeenStep<Real>& seen() { return seen_; }
  /// After a forward pass of so many images, and after the step that may have followed it.
  void finish(const Activations<F>& activations, Index images) {
    update_running_statistics<Kept>(graph_, activations, images, parameters_);
    prepare_weights();
  }

 private:
  void prepare_weights() {
    if constexpr (Mix::mixed) round_weights(graph_, parameters_, rounded_);
  }

  const Graph& graph_;
  Optimiser<Kept> optimiser_;
  Order order_;
  std::optional<SharedBatch> batch_;
  std::vector<T> parameters_, rounded_;
  std::vector<int> labels_;
  double rate_ = 0;
  float scale_ = 1;
  SeenStep<Real> seen_;
};

}  // namespace gradzone
