#include "gradzone/kernels/amp16_kernels.hpp"

#include <utility>

#include "gradzone/kernels/cpu/parallel.hpp"

namespace gradzone {
namespace {

class Amp16Kernels final : public Kernels<Fp16> {
 public:
  Amp16Kernels(std::unique_ptr<Kernels<Fp16>> half, std::unique_ptr<Kernels<Fp32>> single)
      : half_(std::move(half)), single_(std::move(single)) {}

  // binary32 is the accumulator of fp16, so the fp32 kernel computes what the fp16 kernel does, less the
  // rounding of its results.
  void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight,
                           const BatchNormState<Real>& state, const T& dy, T& dx, T& dw,
                           T& db) const override {
    single_->batch_norm_gradient(op, x, weight, state, dy, dx, dw, db);
    constexpr Index work_of_an_entry = 4;
    cpu::parallel(dx.size(), work_of_an_entry, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) dx[i] = Fp16::store(dx[i]);
    });
  }
  Real cross_entropy(const T& logits, const std::vector<int>& labels, T* dz) const override {
    return single_->cross_entropy(logits, labels, dz);
  }

  // The rest is fp16's.
  void conv2d(const Conv2d& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    half_->conv2d(op, x, w, bias, after, y);
  }
  void conv2d_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) const override {
    half_->conv2d_input_gradient(op, dy, w, dx);
  }
  void conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw, T* db) const override {
    half_->conv2d_weight_gradient(op, x, dy, dw, db);
  }
  void linear(const Linear& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    half_->linear(op, x, w, bias, after, y);
  }
  void linear_input_gradient(const Linear& op, const T& dy, const T& w, T& dx) const override {
    half_->linear_input_gradient(op, dy, w, dx);
  }
  void linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw, T* db) const override {
    half_->linear_weight_gradient(op, x, dy, dw, db);
  }
  void activation(const Activation& op, const T& x, T& y) const override { half_->activation(op, x, y); }
  void activation_gradient(const Activation& op, const Choice& choice, const T& x, const T& dy,
                           T& dx) const override {
    half_->activation_gradient(op, choice, x, dy, dx);
  }
  void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y,
                ArgmaxSets& sets) const override {
    half_->max_pool(op, choice, form, x, y, sets);
  }
  void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const ArgmaxSets& sets,
                         const T& dy, T& dx) const override {
    half_->max_pool_gradient(op, choice, form, sets, dy, dx);
  }
  void avg_pool(const Window& window, const T& x, T& y) const override { half_->avg_pool(window, x, y); }
  void avg_pool_gradient(const Window& window, const T& dy, T& dx) const override {
    half_->avg_pool_gradient(window, dy, dx);
  }
  void norm_pool(const Window& window, const T& x, T& y) const override { half_->norm_pool(window, x, y); }
  void norm_pool_gradient(const Window& window, const Choice& choice, const T& x, const T& dy,
                          T& dx) const override {
    half_->norm_pool_gradient(window, choice, x, dy, dx);
  }
  void batch_norm(const BatchNorm& op, const T& x, const T& weight, const T& bias, const T& running_mean,
                  const T& running_var, T& y, BatchNormState<Real>& state) const override {
    half_->batch_norm(op, x, weight, bias, running_mean, running_var, y, state);
  }
  void add(const Add& op, const T& a, const T& b, T& y) const override { half_->add(op, a, b, y); }

 private:
  std::unique_ptr<Kernels<Fp16>> half_;
  std::unique_ptr<Kernels<Fp32>> single_;
};

}  // namespace

std::unique_ptr<Kernels<Fp16>> make_amp16_kernels(std::unique_ptr<Kernels<Fp16>> half,
                                                  std::unique_ptr<Kernels<Fp32>> single) {
  return std::make_unique<Amp16Kernels>(std::move(half), std::move(single));
}

}  // namespace gradzone
