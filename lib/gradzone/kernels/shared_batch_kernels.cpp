#include "gradzone/kernels/shared_batch_kernels.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradzone/kernels/forwarding_kernels.hpp"
#include "gradzone/kernels/reshape.hpp"

namespace gradzone {
namespace {

/// The format whose storage is the accumulator of F: its kernels compute what those of F do, less the
/// rounding of their results.
template <class F>
using Accumulator = std::conditional_t<F::accumulator_precision == F::precision, F, Fp32>;

template <class F>
class SharedBatchKernels final : public ForwardingKernels<F> {
  using Forwarding = ForwardingKernels<F>;
  using Sums = Accumulator<F>;
  static_assert(Sums::precision == F::accumulator_precision);

 public:
  using Real = typename Forwarding::Real;
  using T = typename Forwarding::T;
  using Labels = typename Forwarding::Labels;

  SharedBatchKernels(std::unique_ptr<Kernels<F>> inner, Order order, const SharedBatch& batch)
      : Forwarding(std::move(inner)), sums_(make_cpu_kernels<Sums>(order)), batch_(batch) {}

  void conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw, T* db) const override {
    if (!batch_.is_shared()) return this->inner().conv2d_weight_gradient(op, x, dy, dw, db);
    sum_parts(x, dy, dw, db, [&](const T& xs, const T& dys, T& w, T* b) {
      sums_->conv2d_weight_gradient(op, xs, dys, w, b);
    });
  }
  void linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw, T* db) const override {
    if (!batch_.is_shared()) return this->inner().linear_weight_gradient(op, x, dy, dw, db);
    sum_parts(x, dy, dw, db, [&](const T& xs, const T& dys, T& w, T* b) {
      sums_->linear_weight_gradient(op, xs, dys, w, b);
    });
  }
  void cross_entropy(const T& logits, const Labels& labels, T& loss, T* dz) const override {
    if (!batch_.is_shared()) return this->inner().cross_entropy(logits, labels, loss, dz);
    of_all(logits, dz,
           [&](const T& all, T* gradient) { this->inner().cross_entropy(all, labels, loss, gradient); });
  }
  void output_sum(const T& output, T& sum, T* gradient) const override {
    if (!batch_.is_shared()) return this->inner().output_sum(output, sum, gradient);
    of_all(output, gradient, [&](const T& all, T* dz) { this->inner().output_sum(all, sum, dz); });
  }

 private:
  /// dw and db from gradient(x, dy, dw, db) in the accumulator, of the images of a part.
  template <class Gradient>
  void sum_parts(const T& x, const T& dy, T& dw, T* db, const Gradient& gradient) const {
    const auto& parts = batch_.parts();
    // The first part's sums become the result.
    std::vector<T> weights(parts.size()), biases(parts.size());
    std::swap(weights.front(), dw);
    if (db) std::swap(biases.front(), *db);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      T* const bias = db ? &biases[i] : nullptr;
      if (parts.size() == 1) {
        gradient(x, dy, weights[i], bias);
      } else {
        gradient(images(x, parts[i]), images(dy, parts[i]), weights[i], bias);
      }
    }
    finish(weights, dw);
    if (db) finish(biases, *db);
  }
  void finish(std::vector<T>& sums, T& out) const {
    std::vector<Real*> of_parts;
    for (T& sum : sums) of_parts.push_back(sum.data.data());
    batch_.add_parts<F>(of_parts, sums.front().size());
    std::swap(out, sums.front());
    if constexpr (!std::is_same_v<Sums, F>) this->inner().round(out);
  }
  /// A copy of the images of a part.
  T images(const T& own, const SharedBatch::Part& part) const {
    return rows(own, part.begin - batch_.begin(), part.end - batch_.begin());
  }
  static T rows(const T& t, Index begin, Index end) {
    const Index size = t.size() / t.dim(0);
    T out;
    out.shape = t.shape;
    out.shape[0] = end - begin;
    out.data.assign(t.data.begin() + begin * size, t.data.begin() + end * size);
    return out;
  }

  /// loss(outputs, gradient) of the outputs for all images; of its gradient one's own part.
  template <class Loss>
  void of_all(const T& own, T* gradient, const Loss& loss) const {
    T gradients;
    loss(batch_.gather(own), gradient ? &gradients : nullptr);
    if (gradient) *gradient = rows(gradients, batch_.begin(), batch_.end());
  }

  std::unique_ptr<Kernels<Sums>> sums_;
  const SharedBatch& batch_;
};

}  // namespace

template <class F>
std::unique_ptr<Kernels<F>> make_shared_batch_kernels(std::unique_ptr<Kernels<F>> inner, Order order,
                                                      const SharedBatch& batch) {
  return std::make_unique<SharedBatchKernels<F>>(std::move(inner), order, batch);
}

template std::unique_ptr<Kernels<Fp64>> make_shared_batch_kernels(std::unique_ptr<Kernels<Fp64>>, Order,
                                                                  const SharedBatch&);
template std::unique_ptr<Kernels<Fp32>> make_shared_batch_kernels(std::unique_ptr<Kernels<Fp32>>, Order,
                                                                  const SharedBatch&);
template std::unique_ptr<Kernels<Fp16>> make_shared_batch_kernels(std::unique_ptr<Kernels<Fp16>>, Order,
                                                                  const SharedBatch&);
template std::unique_ptr<Kernels<Bf16>> make_shared_batch_kernels(std::unique_ptr<Kernels<Bf16>>, Order,
                                                                  const SharedBatch&);
template std::unique_ptr<Kernels<Fp16Strict>> make_shared_batch_kernels(std::unique_ptr<Kernels<Fp16Strict>>,
                                                                        Order, const SharedBatch&);

}  // namespace gradzone
