// CpuKernels: SIMD kernels (Highway, run-time dispatch) on the threads of the current oneTBB arena, bit for
// bit the reference kernels; what is not hot is inherited. Each file of formats/ compiles it for one format,
// once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_CPU_KERNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_CPU_KERNELS_INL
#undef GRADZONE_KERNELS_CPU_CPU_KERNELS_INL
#else
#define GRADZONE_KERNELS_CPU_CPU_KERNELS_INL
#endif

#include <memory>

#include "gradzone/kernels/cpu/activation-inl.hpp"
#include "gradzone/kernels/cpu/channels-inl.hpp"
#include "gradzone/kernels/cpu/convolution-inl.hpp"
#include "gradzone/kernels/cpu/gemm-inl.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"
#include "gradzone/kernels/cpu/pooling-inl.hpp"
#include "gradzone/kernels/cpu/quad_pooling-inl.hpp"
#include "gradzone/kernels/cpu/smooth_pooling-inl.hpp"
#include "gradzone/kernels/cpu/weight_gradient-inl.hpp"
#include "gradzone/kernels/reference/reference_kernels.hpp"
#include "gradzone/kernels/reshape.hpp"
#include "gradzone/kernels/shared_batch_kernels.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

#if HWY_NATIVE_FMA

/// The operations that are fast in every order.
template <class F>
class CpuKernelsOfAnyOrder : public ReferenceKernels<F> {
 public:
  using Real = typename F::Real;
  using T = Tensor<Real>;
  using ReferenceKernels<F>::ReferenceKernels;

  void linear(const Linear& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    const Index in = op.in_features, out = op.out_features, images = x.dim(0);
    reshape(y, {images, out});
    Product<F>({w.data.data(), out, in, 1}, {x.data.data(), images, in, 1}, {in, in, this->order_},
               bias ? bias->data.data() : nullptr, after == After::relu, y.data.data())
        .run();
  }
  void linear_input_gradient(const Linear& op, const T& dy, const T& w, T& dx) const override {
    const Index in = op.in_features, out = op.out_features, images = dy.dim(0);
    reshape(dx, {images, in});
    Product<F>({w.data.data(), in, 1, in}, {dy.data.data(), images, out, 1}, {out, out, this->order_},
               nullptr, false, dx.data.data())
        .run();
  }
  void linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw, T* db) const override {
    const Index in = op.in_features, out = op.out_features, images = x.dim(0);
    reshape(dw, {out, in});
    Product<F>({x.data.data(), in, 1, in}, {dy.data.data(), out, 1, out},
               {images, images_per_group, this->order_}, nullptr, false, dw.data.data())
        .run();
    if (!db) return;
    if (is_one_chain(this->order_)) return bias_gradient<F>(dy, *db);
    const Real one = 1;
    reshape(*db, {out});
    Product<F>({dy.data.data(), out, 1, out}, {&one, 1, 0, 0}, {images, images_per_group, this->order_},
               nullptr, false, db->data.data())
        .run();
  }

  void activation(const Activation& op, const T& x, T& y) const override {
    reshape(y, x.shape);
    activate<F>(op, x, y);
  }
  void activation_gradient(const Activation& op, const Choice& choice, const T& x, const T& dy,
                           T& dx) const override {
    reshape(dx, x.shape);
    activate_gradient<F>(op, derivative_at_kinks(op, choice), x, dy, dx);
  }

  void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y,
                ArgmaxSets& sets) const override {
    reshape(y, {x.dim(0), op.window.out_h(x.dim(1)), op.window.out_w(x.dim(2)), x.dim(3)});
    if (is_quad(op.window)) return quad_max_pool<F>(op, choice, form, x, y, sets);
    gradzone::HWY_NAMESPACE::max_pool<F>(op, choice, form, x, y, sets);
  }
  void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const ArgmaxSets& sets,
                         const T& dy, T& dx) const override {
    reshape(dx, dx.shape);
    if (is_quad(op.window)) return quad_max_pool_gradient<F>(op, choice, form, sets, dy, dx);
    gradzone::HWY_NAMESPACE::max_pool_gradient<F>(op, choice, form, sets, dy, dx);
  }

  void avg_pool_gradient(const Window& window, const T& dy, T& dx) const override {
    reshape(dx, dx.shape);
    gradzone::HWY_NAMESPACE::avg_pool_gradient<F>(window, dy, dx);
  }
  void add(const Add& op, const T& a, const T& b, T& y) const override {
    reshape(y, a.shape);
    gradzone::HWY_NAMESPACE::add<F>(op, a, b, y);
  }
  void round(T& x) const override {
    constexpr Index work_of_an_entry = 4;
    cpu::parallel(x.size(), work_of_an_entry, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) x[i] = F::store(x[i]);
    });
  }
};

/// And those of the orders of one chain (is_one_chain).
template <class F>
class CpuKernels final : public CpuKernelsOfAnyOrder<F> {
 public:
  using Real = typename F::Real;
  using T = Tensor<Real>;

  using CpuKernelsOfAnyOrder<F>::CpuKernelsOfAnyOrder;

  void conv2d(const Conv2d& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    reshape(y, {x.dim(0), op.window.out_h(x.dim(1)), op.window.out_w(x.dim(2)), op.out_channels});
    convolve<F>(op, x, w, bias, this->order_, after == After::relu, plans_, y);
  }
  void conv2d_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) const override {
    reshape(dx, dx.shape);
    convolve_input_gradient<F>(op, dy, w, plans_, dx);
  }
  void conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw, T* db) const override {
    reshape(dw, {op.out_channels, op.in_channels, op.window.kernel_h, op.window.kernel_w});
    convolve_weight_gradient<F>(op, x, dy, plans_, dw);
    if (db) bias_gradient<F>(dy, *db);
  }

  void avg_pool(const Window& window, const T& x, T& y) const override {
    reshape(y, {x.dim(0), window.out_h(x.dim(1)), window.out_w(x.dim(2)), x.dim(3)});
    gradzone::HWY_NAMESPACE::avg_pool<F>(window, x, y);
  }
  void norm_pool(const Window& window, const T& x, T& y) const override {
    reshape(y, {x.dim(0), window.out_h(x.dim(1)), window.out_w(x.dim(2)), x.dim(3)});
    gradzone::HWY_NAMESPACE::norm_pool<F>(window, x, y);
  }
  void norm_pool_gradient(const Window& window, const Choice& choice, const T& x, const T& dy,
                          T& dx) const override {
    reshape(dx, dx.shape);
    gradzone::HWY_NAMESPACE::norm_pool_gradient<F>(window, choice, x, dy, dx);
  }

  void batch_norm(const BatchNorm& op, const T& x, const T& weight, const T& bias, const T& running_mean,
                  const T& running_var, T& y, BatchNormState<Real>& state) const override {
    reshape(y, x.shape);
    state.mean = running_mean.data;
    state.variance = running_var.data;
    if (op.mode == BatchNorm::Mode::training)
      batch_statistics<F>(x, this->shared(), state.mean, state.variance);
    state.inverse_deviation.clear();
    for (const Real v : state.variance) {
      state.inverse_deviation.push_back(F::div(1, F::sqrt(F::add(v, F::scalar(op.eps)))));
    }
    normalise<F>(x, weight, bias, state, y);
  }
  void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight,
                           const BatchNormState<Real>& state, const T& dy, T& dx, T& dw,
                           T& db) const override {
    reshape(dx, x.shape);
    normalise_gradient<F>(op, x, weight, state, this->shared(), dy, dx, dw, db);
  }

 private:
  mutable cpu::Plans plans_;
};

template <class F>
std::unique_ptr<Kernels<F>> make_kernels(Order order, const SharedBatch* batch) {
  if (is_one_chain(order)) return std::make_unique<CpuKernels<F>>(order, batch);
  return std::make_unique<CpuKernelsOfAnyOrder<F>>(order, batch);
}

#else

template <class F>
std::unique_ptr<Kernels<F>> make_kernels(Order order, const SharedBatch* batch) {
  return std::make_unique<ReferenceKernels<F>>(order, batch);
}

#endif

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
