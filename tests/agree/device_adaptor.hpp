// The kernels of a device, called with tensors of the host.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cuda/device_kernels.hpp"

namespace gradzone::agree {

/// The card of this machine, or null.
inline Device* card() {
  static const std::unique_ptr<Device> device = []() -> std::unique_ptr<Device> {
    try {
      return make_cuda_device();
    } catch (const UsageError&) {
      return nullptr;
    }
  }();
  return device.get();
}

/// A device of the caller's own: the card, or null.
inline std::unique_ptr<Device> make_card() {
  return card() != nullptr ? make_cuda_device() : nullptr;
}

/// Calls body(device) for the host as a device, and for a card if there is one.
template <class Body>
void on_every_device(const Body& body) {
  const auto run = [&](Device& device) {
    SCOPED_TRACE(::testing::Message() << "device " << device.name());
    body(device);
  };
  run(*make_host_device());
  if (card() != nullptr) run(*card());
}

template <class F>
class DeviceAdaptor final : public Kernels<F> {
 public:
  using Base = Kernels<F>;
  using typename Base::Real;
  using typename Base::State;
  using typename Base::T;

  explicit DeviceAdaptor(Device& device, Order order = Order::chain)
      : memory_{&device}, kernels_(make_device_kernels<F>(memory_, order)) {}

  void conv2d(const Conv2d& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    const auto b = there(bias);
    out(y, [&](D& d) { kernels_->conv2d(op, there(x), there(w), b.get(), after, d); });
  }
  void conv2d_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) const override {
    out(dx, [&](D& d) { kernels_->conv2d_input_gradient(op, there(dy), there(w), d); });
  }
  void conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw, T* db) const override {
    D bias;
    out(dw,
        [&](D& d) { kernels_->conv2d_weight_gradient(op, there(x), there(dy), d, db ? &bias : nullptr); });
    if (db) *db = bias.download();
  }
  void linear(const Linear& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    const auto b = there(bias);
    out(y, [&](D& d) { kernels_->linear(op, there(x), there(w), b.get(), after, d); });
  }
  void linear_input_gradient(const Linear& op, const T& dy, const T& w, T& dx) const override {
    out(dx, [&](D& d) { kernels_->linear_input_gradient(op, there(dy), there(w), d); });
  }
  void linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw, T* db) const override {
    D bias;
    out(dw,
        [&](D& d) { kernels_->linear_weight_gradient(op, there(x), there(dy), d, db ? &bias : nullptr); });
    if (db) *db = bias.download();
  }
  void activation(const Activation& op, const T& x, T& y) const override {
    out(y, [&](D& d) { kernels_->activation(op, there(x), d); });
  }
  void activation_gradient(const Activation& op, const Choice& choice, const T& x, const T& dy,
                           T& dx) const override {
    out(dx, [&](D& d) { kernels_->activation_gradient(op, choice, there(x), there(dy), d); });
  }
  void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y,
                ArgmaxSets& sets) const override {
    DeviceArray<std::uint8_t> s;
    out(y, [&](D& d) { kernels_->max_pool(op, choice, form, there(x), d, s); });
    sets = s.download();
  }
  void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const ArgmaxSets& sets,
                         const T& dy, T& dx) const override {
    DeviceArray<std::uint8_t> s;
    s.upload(*memory_.device, sets.data(), sets.size());
    out(dx, [&](D& d) { kernels_->max_pool_gradient(op, choice, form, s, there(dy), d); });
  }
  void avg_pool(const Window& window, const T& x, T& y) const override {
    out(y, [&](D& d) { kernels_->avg_pool(window, there(x), d); });
  }
  void avg_pool_gradient(const Window& window, const T& dy, T& dx) const override {
    out(dx, [&](D& d) { kernels_->avg_pool_gradient(window, there(dy), d); });
  }
  void norm_pool(const Window& window, const T& x, T& y) const override {
    out(y, [&](D& d) { kernels_->norm_pool(window, there(x), d); });
  }
  void norm_pool_gradient(const Window& window, const Choice& choice, const T& x, const T& dy,
                          T& dx) const override {
    out(dx, [&](D& d) { kernels_->norm_pool_gradient(window, choice, there(x), there(dy), d); });
  }
  void batch_norm(const BatchNorm& op, const T& x, const T& weight, const T& bias, const T& running_mean,
                  const T& running_var, T& y, State& state) const override {
    DeviceState s;
    out(y, [&](D& d) {
      kernels_->batch_norm(op, there(x), there(weight), there(bias), there(running_mean), there(running_var),
                           d, s);
    });
    state = {s.mean.download(), s.variance.download(), s.inverse_deviation.download()};
  }
  void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight, const State& state, const T& dy,
                           T& dx, T& dw, T& db) const override {
    DeviceState s;
    const auto bring = [&](const std::vector<Real>& from, DeviceArray<Real>& to) {
      to.upload(*memory_.device, from.data(), from.size());
    };
    bring(state.mean, s.mean);
    bring(state.variance, s.variance);
    bring(state.inverse_deviation, s.inverse_deviation);
    D weights, bias;
    out(dx, [&](D& d) {
      kernels_->batch_norm_gradient(op, there(x), there(weight), s, there(dy), d, weights, bias);
    });
    dw = weights.download();
    db = bias.download();
  }
  void add(const Add& op, const T& a, const T& b, T& y) const override {
    out(y, [&](D& d) { kernels_->add(op, there(a), there(b), d); });
  }
  void cross_entropy(const T& logits, const std::vector<int>& labels, T& loss, T* dz) const override {
    DeviceArray<int> of_images;
    of_images.upload(*memory_.device, labels.data(), labels.size());
    D mean, gradient;
    kernels_->cross_entropy(there(logits), of_images, mean, dz ? &gradient : nullptr);
    loss = mean.download();
    if (dz) *dz = gradient.download();
  }
  void output_sum(const T& output, T& sum, T* gradient) const override {
    D total, ones;
    kernels_->output_sum(there(output), total, gradient ? &ones : nullptr);
    sum = total.download();
    if (gradient) *gradient = ones.download();
  }
  void concatenate(const std::vector<const T*>& parts, T& y) const override {
    std::vector<D> there_parts;
    for (const T* part : parts) there_parts.push_back(there(*part));
    std::vector<const D*> pointers;
    for (const D& part : there_parts) pointers.push_back(&part);
    out(y, [&](D& d) {
      reshape(memory_, d, y.shape);
      kernels_->concatenate(pointers, d);
    });
  }
  void concatenate_gradient(const T& dy, Index first, T& dx) const override {
    out(dx, [&](D& d) {
      reshape(memory_, d, dx.shape);
      kernels_->concatenate_gradient(there(dy), first, d);
    });
  }
  void flatten(const T& x, T& y) const override {
    out(y, [&](D& d) { kernels_->flatten(there(x), d); });
  }
  void flatten_gradient(const T& dy, T& dx) const override {
    out(dx, [&](D& d) {
      reshape(memory_, d, dx.shape);
      kernels_->flatten_gradient(there(dy), d);
    });
  }
  void negate(const T& x, T& y) const override {
    out(y, [&](D& d) { kernels_->negate(there(x), d); });
  }
  void round(T& x) const override {
    D d = there(x);
    kernels_->round(d);
    x = d.download();
  }

 private:
  using D = DeviceTensor<Real>;
  using DeviceState = BatchNormState<Real, DeviceMemory>;

  D there(const T& t) const {
    D out;
    upload(memory_, t, out);
    return out;
  }
  std::unique_ptr<D> there(const T* t) const { return t ? std::make_unique<D>(there(*t)) : nullptr; }
  /// t = what the kernel leaves; it is told t's shape.
  template <class Kernel>
  void out(T& t, const Kernel& kernel) const {
    D d;
    d.shape = t.shape;
    kernel(d);
    t = d.download();
  }

  DeviceMemory memory_;
  std::unique_ptr<Kernels<F, DeviceMemory>> kernels_;
};

}  // namespace gradzone::agree
