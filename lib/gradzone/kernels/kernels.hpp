// The float kernels: one interface for every backend. The arithmetic is stated here once (docs/formats.md has
// it in full); kernels/reference/ is the obvious loop, every other backend agrees with it bit for bit.
//
// Layout: images are [N, h, w, c] (layout.hpp), vectors [N, features], weights as in PyTorch. Values are
// carriers of the format's storage values (arith/formats.hpp). An operation reads storage values, works in
// the accumulator, and rounds each result to storage once.
//
// Dot products are summed in the backend's Order over these contracted indices, slowest first; positions that
// fall into the padding are skipped:
//   convolution             kernel row, kernel column, input channel        (then bias)
//   ... input gradient      kernel row, kernel column, output channel
//   ... weight gradient     image, output row, output column
//   linear                  input feature                                    (then bias)
//   ... input gradient      output feature
//   ... weight gradient     image
// Sums over a batch (weight and bias gradients, batch statistics, the loss) are one such sum inside each
// group of 32 consecutive images; the groups are added as a binary tree, neighbours first (tree_sum).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/arith/formats.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

inline constexpr Index images_per_group = 32;

/// One byte per entry of the output and window position (row-major): 1 if the input there attains the
/// maximum, 0 elsewhere and in the padding. [N, out_h, out_w, c, kernel_h * kernel_w].
using ArgmaxSets = std::vector<std::uint8_t>;

/// Where the numbers of kernels lie: in the memory of this process. kernels/cuda/device_memory.hpp is another
/// place, with the same names.
struct HostMemory {
  template <class Real>
  using Tensor = gradzone::Tensor<Real>;
  template <class Value>
  using Array = std::vector<Value>;
};

/// What follows a layer's sums without a tensor in between: nothing, or a ReLU, y = activation(store(...)).
enum class After { nothing, relu };

/// What batch_norm leaves for its backward pass and for running statistics, all in the accumulator:
/// [channels] each.
template <class Real, class Memory = HostMemory>
struct BatchNormState {
  using Values = typename Memory::template Array<Real>;
  Values mean;
  Values variance;           ///< as it was used: in training mode sum (x - mean)^2 / M
  Values inverse_deviation;  ///< 1 / sqrt(var + eps)
};

/// Kernels of one format. Outputs are resized and overwritten. Bad shapes are programming errors (asserted):
/// graphs are validated. NaN and infinity propagate as IEEE operations do.
template <class F, class Memory = HostMemory>
class Kernels {
 public:
  using Real = typename F::Real;
  using T = typename Memory::template Tensor<Real>;
  using Sets = typename Memory::template Array<std::uint8_t>;  ///< ArgmaxSets
  using State = BatchNormState<Real, Memory>;
  using Labels = typename Memory::template Array<int>;  ///< one per image

  explicit Kernels(Memory memory = {}) : memory_(memory) {}
  virtual ~Kernels() = default;
  const Memory& memory() const { return memory_; }

  // y[n,i,j,o] = store(sum w x + b)
  virtual void conv2d(const Conv2d& op, const T& x, const T& w, const T* bias, After after, T& y) const = 0;
  // dx has x's shape, given by the caller as dx.shape
  virtual void conv2d_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) const = 0;
  // db may be nullptr
  virtual void conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw, T* db) const = 0;

  virtual void linear(const Linear& op, const T& x, const T& w, const T* bias, After after, T& y) const = 0;
  virtual void linear_input_gradient(const Linear& op, const T& dy, const T& w, T& dx) const = 0;
  virtual void linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw, T* db) const = 0;

  // On a segment of slope 1 the value and the gradient pass unchanged, of slope 0 they are +0 (or relu6's
  // constant 6), else store(slope * value). A NaN counts as lying on the last segment.
  // dx may be dy itself.
  virtual void activation(const Activation& op, const T& x, T& y) const = 0;
  virtual void activation_gradient(const Activation& op, const Choice& choice, const T& x, const T& dy,
                                   T& dx) const = 0;

  // y is the maximum m (the first maximal entry; a NaN is maximal and then alone in its argmax set), or in
  // the composed form store(store(beta * m) + store((1 - beta) * m)).
  virtual void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y,
                        Sets& sets) const = 0;
  // direct: store(w * g), w = beta / |I| + (1 - beta) [first], in the accumulator; composed: store(u + v)
  // with u = store(store(beta * g) / |I|), v = store((1 - beta) * g). An input in several windows gets the
  // sum of their contributions in window order, in the accumulator, rounded once. dx.shape given by the
  // caller.
  virtual void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const Sets& sets,
                                 const T& dy, T& dx) const = 0;

  // y = store(chain sum / window size); the gradient of each entry is store(g / window size), overlaps summed
  // as above
  virtual void avg_pool(const Window& window, const T& x, T& y) const = 0;
  virtual void avg_pool_gradient(const Window& window, const T& dy, T& dx) const = 0;

  // r = sqrt(chain sum of x^2) in the accumulator, y = store(r). Gradient: store(g * (x / r)) with r
  // recomputed in the accumulator; at r = 0, store(choice.normpool_at_0 * g). Overlaps summed as above.
  virtual void norm_pool(const Window& window, const T& x, T& y) const = 0;
  virtual void norm_pool_gradient(const Window& window, const Choice& choice, const T& x, const T& dy,
                                  T& dx) const = 0;

  // evaluation: mean and var are the running ones; training: mean = sum x / M, var = sum (x - mean)^2 / M
  // over (image, row, column). inv = 1 / sqrt(var + eps); y = store(fma(weight, (x - mean) * inv, bias)).
  virtual void batch_norm(const BatchNorm& op, const T& x, const T& weight, const T& bias,
                          const T& running_mean, const T& running_var, T& y, State& state) const = 0;
  // x^ = (x - mean) * inv; db = sum g, dw = sum g x^ (in the accumulator, then stored). Training:
  // dx = store(weight * inv * fma(-x^, dw / M, g - db / M)); evaluation: dx = store(weight * inv * g).
  virtual void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight, const State& state,
                                   const T& dy, T& dx, T& dw, T& db) const = 0;

  // store(a + b) or store(a - b)
  virtual void add(const Add& op, const T& a, const T& b, T& y) const = 0;

  // Mean cross-entropy of logits [N, K], in the accumulator: d = z - max z, e = exp(d), S = chain sum of e, p
  // = e / S; loss_n = log S - d_y; loss [1] = store(batch sum / N); dz = store((p - [i = y]) / N). dz
  // may be nullptr.
  virtual void cross_entropy(const T& logits, const Labels& labels, T& loss, T* dz) const = 0;
  // Chain sum [1] of all entries, stored; their gradient is 1, and may be nullptr.
  virtual void output_sum(const T& output, T& sum, T* gradient) const = 0;

  // What moves numbers without arithmetic. Channels of the parts side by side in every pixel; y has its shape
  // already. Back: the channels first, first + 1, ... of dy, as many as dx has.
  virtual void concatenate(const std::vector<const T*>& parts, T& y) const = 0;
  virtual void concatenate_gradient(const T& dy, Index first, T& dx) const = 0;
  // Features in the order of [c, h, w]. dx has its shape already.
  virtual void flatten(const T& x, T& y) const = 0;
  virtual void flatten_gradient(const T& dy, T& dx) const = 0;
  // y = -x
  virtual void negate(const T& x, T& y) const = 0;
  // every entry x = store(x)
  virtual void round(T& x) const = 0;

  // Both pieces of work, of which neither touches what the other one writes: a device may do them at the same
  // time.
  virtual void side_by_side(const std::function<void()>& first, const std::function<void()>& second) const {
    first();
    second();
  }

 private:
  Memory memory_;
};

/// The plain kernels: single-threaded, every order.
template <class F>
std::unique_ptr<Kernels<F>> make_reference_kernels(Order order);

/// SIMD kernels (Highway, run-time dispatch) on all threads of the current oneTBB arena. In orders other than
/// `chain` linear layers, activations, max pools and sums of two tensors are fast, the rest is the
/// reference's.
template <class F>
std::unique_ptr<Kernels<F>> make_cpu_kernels(Order order);

}  // namespace gradzone
