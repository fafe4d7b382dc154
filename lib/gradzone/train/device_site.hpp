// DeviceSite: a training's numbers on a device, in flat arrays: one launch updates all parameters, one looks
// for infinities.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gradzone/eval/network.hpp"
#include "gradzone/kernels/cuda/device_kernels.hpp"
#include "gradzone/train/device_updates.hpp"
#include "gradzone/train/held_images.hpp"
#include "gradzone/train/host_site.hpp"
#include "gradzone/train/update_scalars.hpp"

namespace gradzone {

/// Where the tensors of a graph's parameters lie in a flat array: trainable ones first, each on a boundary of
/// 256 bytes or more.
struct FlatLayout {
  explicit FlatLayout(const Graph& graph);
  std::vector<Index> offsets;
  Index trainable = 0, size = 0;
};

template <class Mix>
class DeviceSite {
 public:
  using F = typename Mix::Computed;
  using Kept = typename Mix::Kept;
  using Real = typename F::Real;
  using Memory = DeviceMemory;
  using T = DeviceTensor<Real>;

  /// `graph` must outlive the site.
  DeviceSite(const Graph& graph, const OptimiserOptions& options, std::unique_ptr<Device> device, Order order)
      : graph_(graph),
        options_(options),
        order_(order),
        device_(std::move(device)),
        layout_(graph),
        optimiser_(options, graph),
        updates_(make_device_updates<Kept>(*device_)),
        kernels_(make_device_kernels<F>(memory())) {
    parameters_ = views(values_, layout_.size, graph);
    rounded_ = views(rounded_values_, Mix::mixed ? layout_.size : 0, graph);
    views(gradient_values_, layout_.trainable, graph);
    const bool adam = options.kind != OptimiserKind::sgd;
    views(first_, adam || options.momentum != 0 ? layout_.trainable : 0, graph);
    views(second_, adam ? layout_.trainable : 0, graph);
  }

  std::unique_ptr<Kernels<F, DeviceMemory>> kernels() const {
    return kernels_of<Mix>(
        [&](auto f) { return make_device_kernels<typename decltype(f)::type>(memory(), order_); });
  }
  std::unique_ptr<Kernels<F, DeviceMemory>> step_kernels() const { return kernels(); }

  std::vector<Tensor<Real>> parameters() const {
    std::vector<Tensor<Real>> out;
    for (const T& p : parameters_) out.push_back(p.download());
    return out;
  }
  void set_parameters(const std::vector<Tensor<Real>>& parameters) {
    for (std::size_t p = 0; p < parameters.size(); ++p) upload(memory(), parameters[p], parameters_[p]);
    prepare_weights();
  }
  const std::vector<T>& weights() const { return Mix::mixed ? rounded_ : parameters_; }

  Optimiser<Kept>& optimiser() {
    each_state([](Tensor<Real>& host, T device) { host = device.download(); });
    return optimiser_;
  }
  void optimiser_changed() {
    each_state([&](const Tensor<Real>& host, T device) { upload(memory(), host, device); });
  }

  template <class Work>
  void run(Recording& recording, const Work& work) {
    device_->run(recording, work);
  }

  void load(const Tensor<float>& images, T& x) {
    load_images<F>(images, 0, images.dim(0), images_);
    upload(memory(), images_, x);
  }
  bool hold(const Dataset& data) {
    if (!held_.contains(&data) && HeldImages::fit(*device_, data))
      held_.emplace(&data, HeldImages(*device_, data));
    return held_.contains(&data);
  }
  void load(const BatchPlan& plan, T& x) {
    const auto held = held_.find(plan.data);
    if (held == held_.end()) return load(planned_images(plan), x);
    cuts_ = cuts_of(plan);
    cuts_on_device_.upload(*device_, cuts_.data(), cuts_.size());
    reshape(memory(), x, channels_last(std::ssize(cuts_), plan.data->image_shape()));
    updates_->cut_images(held->second.view(), cuts_on_device_.data(), std::ssize(cuts_), x.data.data());
    kernels_->round(x);
  }
  template <class Images>
  void load_step(const Images& images, T& x) {
    load(images, x);
  }
  Tensor<Real> on_host(const T& t) const { return t.download(); }

  void set_labels(const std::vector<int>& labels) { labels_.upload(*device_, labels.data(), labels.size()); }
  const DeviceArray<int>& labels() const { return labels_; }
  void begin_step(double rate, float scale) {
    if (options_.kind == OptimiserKind::sgd) {
      scalars_.sgd = sgd_scalars<Kept>(options_, rate);
    } else {
      scalars_.adam = adam_scalars<Kept>(options_, rate, optimiser_.steps() + 1);
    }
    scalars_.scale = static_cast<Real>(scale);
    scalars_.inverse_scale = static_cast<Real>(1 / scale);
    scalars_on_device_.upload(*device_, &scalars_, 1);
    non_finite_.resize(*device_, 1);
  }
  std::string non_finite_layer(const Activations<F, Memory>& activations, double loss,
                               const Gradients<F, Memory>& gradients) const {
    const auto all = [](const std::vector<T>& tensors) {
      std::vector<Tensor<Real>> out;
      for (const T& t : tensors) out.push_back(t.download());
      return out;
    };
    Activations<F> a;
    a.values = all(activations.values);
    return gradzone::non_finite_layer(graph_, a, loss,
                                      Gradients<F>{all(gradients.parameters), all(gradients.outputs), {}});
  }

  /// Parameters' gradients lie in the flat array.
  void prepare(Gradients<F, Memory>& gradients) {
    gradients.parameters.clear();
    for (std::size_t p = 0; p < layout_.offsets.size(); ++p) {
      const ParameterSpec& spec = graph_.parameters()[p];
      gradients.parameters.push_back(spec.trainable ? view(gradient_values_, p, spec.shape) : T());
    }
  }
  void scale_and_round(T& logits_gradient) {
    updates_->scale(logits_gradient.data.data(), logits_gradient.size(), &scalars_on_device_.data()->scale);
    kernels_->round(logits_gradient);
  }
  void unscale(Gradients<F, Memory>&) {
    updates_->find_non_finite(gradient_values_.data(), layout_.trainable, non_finite_.data());
    if (Mix::mixed)
      updates_->scale(gradient_values_.data(), layout_.trainable, &scalars_on_device_.data()->inverse_scale);
  }
  void update(const Gradients<F, Memory>&, const T& loss) { update({non_finite_.data(), loss.data.data()}); }
  void update_anyway(const Gradients<F, Memory>&) {
    update({nullptr, nullptr});
    optimiser_.restore_steps(optimiser_.steps() + 1);
    prepare_weights();
  }
  void report(const T& loss, const T& logits) {
    logits_shape_ = logits.shape;
    report_.resize(*device_, StepReport::size(logits.size()));
    updates_->report(loss.data.data(), non_finite_.data(), logits.data.data(), logits.size(), report_.data());
  }
  SeenStep<Real> seen() {
    std::vector<Real> values = report_.download();
    SeenStep<Real> out{values[StepReport::loss], values[StepReport::non_finite] == 0, {}};
    values.erase(values.begin(), values.begin() + StepReport::logits);
    out.logits = {logits_shape_, std::move(values)};
    if (out.updated()) optimiser_.restore_steps(optimiser_.steps() + 1);
    return out;
  }
  void finish(const Activations<F, Memory>& activations, Index images) {
    for_each_batch_norm<Kept>(
        graph_, activations, images, [&](std::size_t node, std::size_t first, Real unbiased) {
          const auto& batch = activations.batch_norm[node];
          T &mean = parameters_[first + 2], &variance = parameters_[first + 3];
          updates_->running_statistics(batch.mean.data(), batch.variance.data(), unbiased, mean.data.data(),
                                       variance.data.data(), mean.size());
        });
    prepare_weights();
  }

 private:
  DeviceMemory memory() const { return {device_.get()}; }
  void update(const OnlyFinite<Real>& condition) {
    const Slices<Real> slices{values_.data(), gradient_values_.data(), first_.data(), second_.data()};
    const StepScalars<Real>* scalars = scalars_on_device_.data();
    if (options_.kind == OptimiserKind::sgd) {
      updates_->sgd(&scalars->sgd, slices, layout_.trainable, condition);
    } else {
      updates_->adam(&scalars->adam, slices, layout_.trainable, condition);
    }
  }
  T view(DeviceArray<Real>& flat, std::size_t p, const Shape& shape) const {
    return {shape, DeviceArray<Real>::view(*device_, flat.data() + layout_.offsets[p],
                                           static_cast<std::size_t>(element_count(shape)))};
  }
  /// Gives `flat` its memory, zeros, and the parameters' tensors in it.
  std::vector<T> views(DeviceArray<Real>& flat, Index size, const Graph& graph) const {
    const std::vector<Real> zeros(static_cast<std::size_t>(size), Real(0));
    flat.upload(*device_, zeros.data(), zeros.size());
    device_->wait();  // zeros are read until then
    std::vector<T> out;
    if (size < layout_.size) return out;
    for (std::size_t p = 0; p < layout_.offsets.size(); ++p)
      out.push_back(view(flat, p, graph.parameters()[p].shape));
    return out;
  }
  /// visit(the host's tensor, the device's) for the optimiser's state.
  template <class Visit>
  void each_state(const Visit& visit) {
    auto tensors = optimiser_.state();
    auto at = tensors.begin();
    for (std::size_t p = 0; p < layout_.offsets.size(); ++p) {
      if (!graph_.parameters()[p].trainable) continue;
      for (DeviceArray<Real>* flat : {&first_, &second_})
        if (!flat->empty()) {
          visit(*at->values, view(*flat, p, at->values->shape));
          ++at;
        }
    }
  }
  /// Weights and biases of convolutions and linear layers in binary16 (amp16.hpp).
  void prepare_weights() {
    if (!Mix::mixed) return;
    rounded_values_ = values_;
    for (std::size_t p = 0; p < rounded_.size(); ++p)
      if (!std::holds_alternative<BatchNorm>(graph_.node(graph_.parameters()[p].node).op))
        kernels_->round(rounded_[p]);
  }

  const Graph& graph_;
  OptimiserOptions options_;
  Order order_;
  std::unique_ptr<Device> device_;
  FlatLayout layout_;
  Optimiser<Kept> optimiser_;  ///< its names and steps; its state when asked for
  std::unique_ptr<DeviceUpdates<Kept>> updates_;
  std::unique_ptr<Kernels<F, DeviceMemory>> kernels_;  ///< to round
  DeviceArray<Real> values_, rounded_values_, gradient_values_, first_, second_;
  std::vector<T> parameters_, rounded_;  ///< views
  Tensor<Real> images_;
  std::map<const Dataset*, HeldImages> held_;
  std::vector<ImageCut> cuts_;
  DeviceArray<ImageCut> cuts_on_device_;
  DeviceArray<int> labels_, non_finite_;
  StepScalars<Real> scalars_{};
  DeviceArray<StepScalars<Real>> scalars_on_device_;
  DeviceArray<Real> report_;
  Shape logits_shape_;
};

}  // namespace gradzone
