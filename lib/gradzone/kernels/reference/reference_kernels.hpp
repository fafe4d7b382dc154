// ReferenceKernels: what a reader checks by hand. Single-threaded, no layout tricks, every order.
// One file per family of operations holds the definitions; reference_kernels.cpp instantiates them for every
// format.
#pragma once

#include "gradzone/kernels/kernels.hpp"
#include "gradzone/kernels/shared_batch.hpp"

namespace gradzone {

template <class F>
class ReferenceKernels : public Kernels<F> {
 public:
  using Real = typename F::Real;
  using T = Tensor<Real>;

  /// With a shared batch, which must outlive them, batch norms take their sums over it.
  explicit ReferenceKernels(Order order, const SharedBatch* batch = nullptr) : order_(order), batch_(batch) {}

  void conv2d(const Conv2d& op, const T& x, const T& w, const T* bias, After after, T& y) const override;
  void conv2d_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) const override;
  void conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw, T* db) const override;

  void linear(const Linear& op, const T& x, const T& w, const T* bias, After after, T& y) const override;
  void linear_input_gradient(const Linear& op, const T& dy, const T& w, T& dx) const override;
  void linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw, T* db) const override;

  void activation(const Activation& op, const T& x, T& y) const override;
  void activation_gradient(const Activation& op, const Choice& choice, const T& x, const T& dy,
                           T& dx) const override;

  void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y,
                ArgmaxSets& sets) const override;
  void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const ArgmaxSets& sets,
                         const T& dy, T& dx) const override;
  void avg_pool(const Window& window, const T& x, T& y) const override;
  void avg_pool_gradient(const Window& window, const T& dy, T& dx) const override;
  void norm_pool(const Window& window, const T& x, T& y) const override;
  void norm_pool_gradient(const Window& window, const Choice& choice, const T& x, const T& dy,
                          T& dx) const override;

  void batch_norm(const BatchNorm& op, const T& x, const T& weight, const T& bias, const T& running_mean,
                  const T& running_var, T& y, BatchNormState<Real>& state) const override;
  void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight,
                           const BatchNormState<Real>& state, const T& dy, T& dx, T& dw,
                           T& db) const override;

  void add(const Add& op, const T& a, const T& b, T& y) const override;
  void cross_entropy(const T& logits, const std::vector<int>& labels, T& loss, T* dz) const override;
  void output_sum(const T& output, T& sum, T* gradient) const override;

  void concatenate(const std::vector<const T*>& parts, T& y) const override;
  void concatenate_gradient(const T& dy, Index first, T& dx) const override;
  void flatten(const T& x, T& y) const override;
  void flatten_gradient(const T& dy, T& dx) const override;
  void negate(const T& x, T& y) const override;
  void round(T& x) const override;

 protected:
  /// Null where the images at hand are the whole mini-batch.
  const SharedBatch* shared() const { return batch_ && batch_->is_shared() ? batch_ : nullptr; }

  Order order_;

 private:
  const SharedBatch* batch_;
};

}  // namespace gradzone
