#include "gradzone/kernels/amp16_kernels.hpp"

#include <utility>

#include "gradzone/kernels/cuda/device_memory.hpp"

namespace gradzone {
namespace {

template <class Memory>
class Amp16Kernels final : public Kernels<Fp16, Memory> {
  using Half = Kernels<Fp16, Memory>;
  using Single = Kernels<Fp32, Memory>;

 public:
  using Real = typename Half::Real;
  using T = typename Half::T;
  using Sets = typename Half::Sets;
  using State = typename Half::State;

  Amp16Kernels(std::unique_ptr<Half> half, std::unique_ptr<Single> single)
      : Half(half->memory()), half_(std::move(half)), single_(std::move(single)) {}

  // binary32 is the accumulator of fp16, so the fp32 kernel computes what the fp16 kernel does, less the
  // rounding of its results.
  void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight, const State& state, const T& dy,
                           T& dx, T& dw, T& db) const override {
    single_->batch_norm_gradient(op, x, weight, state, dy, dx, dw, db);
    half_->round(dx);
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
                Sets& sets) const override {
    half_->max_pool(op, choice, form, x, y, sets);
  }
  void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const Sets& sets, const T& dy,
                         T& dx) const override {
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
                  const T& running_var, T& y, State& state) const override {
    half_->batch_norm(op, x, weight, bias, running_mean, running_var, y, state);
  }
  void add(const Add& op, const T& a, const T& b, T& y) const override { half_->add(op, a, b, y); }
  Real output_sum(const T& output, T* gradient) const override { return half_->output_sum(output, gradient); }
  void concatenate(const std::vector<const T*>& parts, T& y) const override { half_->concatenate(parts, y); }
  void concatenate_gradient(const T& dy, Index first, T& dx) const override {
    half_->concatenate_gradient(dy, first, dx);
  }
  void flatten(const T& x, T& y) const override { half_->flatten(x, y); }
  void flatten_gradient(const T& dy, T& dx) const override { half_->flatten_gradient(dy, dx); }
  void negate(const T& x, T& y) const override { half_->negate(x, y); }
  void round(T& x) const override { half_->round(x); }

 private:
  std::unique_ptr<Half> half_;
  std::unique_ptr<Single> single_;
};

}  // namespace

template <class Memory>
std::unique_ptr<Kernels<Fp16, Memory>> make_amp16_kernels(std::unique_ptr<Kernels<Fp16, Memory>> half,
                                                          std::unique_ptr<Kernels<Fp32, Memory>> single) {
  return std::make_unique<Amp16Kernels<Memory>>(std::move(half), std::move(single));
}

template std::unique_ptr<Kernels<Fp16>> make_amp16_kernels(std::unique_ptr<Kernels<Fp16>>,
                                                           std::unique_ptr<Kernels<Fp32>>);
template std::unique_ptr<Kernels<Fp16, DeviceMemory>> make_amp16_kernels(
    std::unique_ptr<Kernels<Fp16, DeviceMemory>>, std::unique_ptr<Kernels<Fp32, DeviceMemory>>);

}  // namespace gradzone
