// ForwardingKernels: kernels that leave every operation to others; what is derived from them changes some.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

template <class F, class Memory = HostMemory>
class ForwardingKernels : public Kernels<F, Memory> {
 public:
  using Inner = Kernels<F, Memory>;
  using Real = typename Inner::Real;
  using T = typename Inner::T;
  using Sets = typename Inner::Sets;
  using State = typename Inner::State;
  using Labels = typename Inner::Labels;

  explicit ForwardingKernels(std::unique_ptr<Inner> inner)
      : Inner(inner->memory()), inner_(std::move(inner)) {}

  void conv2d(const Conv2d& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    inner_->conv2d(op, x, w, bias, after, y);
  }
  void conv2d_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) const override {
    inner_->conv2d_input_gradient(op, dy, w, dx);
  }
  void conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw, T* db) const override {
    inner_->conv2d_weight_gradient(op, x, dy, dw, db);
  }
  void linear(const Linear& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    inner_->linear(op, x, w, bias, after, y);
  }
  void linear_input_gradient(const Linear& op, const T& dy, const T& w, T& dx) const override {
    inner_->linear_input_gradient(op, dy, w, dx);
  }
  void linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw, T* db) const override {
    inner_->linear_weight_gradient(op, x, dy, dw, db);
  }
  void activation(const Activation& op, const T& x, T& y) const override { inner_->activation(op, x, y); }
  void activation_gradient(const Activation& op, const Choice& choice, const T& x, const T& dy,
                           T& dx) const override {
    inner_->activation_gradient(op, choice, x, dy, dx);
  }
  void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y,
                Sets& sets) const override {
    inner_->max_pool(op, choice, form, x, y, sets);
  }
  void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const Sets& sets, const T& dy,
                         T& dx) const override {
    inner_->max_pool_gradient(op, choice, form, sets, dy, dx);
  }
  void avg_pool(const Window& window, const T& x, T& y) const override { inner_->avg_pool(window, x, y); }
  void avg_pool_gradient(const Window& window, const T& dy, T& dx) const override {
    inner_->avg_pool_gradient(window, dy, dx);
  }
  void norm_pool(const Window& window, const T& x, T& y) const override { inner_->norm_pool(window, x, y); }
  void norm_pool_gradient(const Window& window, const Choice& choice, const T& x, const T& dy,
                          T& dx) const override {
    inner_->norm_pool_gradient(window, choice, x, dy, dx);
  }
  void batch_norm(const BatchNorm& op, const T& x, const T& weight, const T& bias, const T& running_mean,
                  const T& running_var, T& y, State& state) const override {
    inner_->batch_norm(op, x, weight, bias, running_mean, running_var, y, state);
  }
  void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight, const State& state, const T& dy,
                           T& dx, T& dw, T& db) const override {
    inner_->batch_norm_gradient(op, x, weight, state, dy, dx, dw, db);
  }
  void add(const Add& op, const T& a, const T& b, T& y) const override { inner_->add(op, a, b, y); }
  void cross_entropy(const T& logits, const Labels& labels, T& loss, T* dz) const override {
    inner_->cross_entropy(logits, labels, loss, dz);
  }
  void output_sum(const T& output, T& sum, T* gradient) const override {
    inner_->output_sum(output, sum, gradient);
  }
  void concatenate(const std::vector<const T*>& parts, T& y) const override { inner_->concatenate(parts, y); }
  void concatenate_gradient(const T& dy, Index first, T& dx) const override {
    inner_->concatenate_gradient(dy, first, dx);
  }
  void flatten(const T& x, T& y) const override { inner_->flatten(x, y); }
  void flatten_gradient(const T& dy, T& dx) const override { inner_->flatten_gradient(dy, dx); }
  void negate(const T& x, T& y) const override { inner_->negate(x, y); }
  void round(T& x) const override { inner_->round(x); }
  void side_by_side(const std::function<void()>& first, const std::function<void()>& second) const override {
    inner_->side_by_side(first, second);
  }

 protected:
  const Inner& inner() const { return *inner_; }

 private:
  std::unique_ptr<Inner> inner_;
};

}  // namespace gradzone
