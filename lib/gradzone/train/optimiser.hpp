// Optimisers: stochastic gradient descent, Adam and AdamW, with PyTorch's arithmetic stated operation by
// operation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/graph/graph.hpp"

namespace gradzone {

enum class OptimiserKind { sgd, adam, adamw };

std::string_view name(OptimiserKind kind);
/// Throws UsageError listing the names.
OptimiserKind parse_optimiser(std::string_view text);

struct OptimiserOptions {
  OptimiserKind kind = OptimiserKind::sgd;
  double momentum = 0;  ///< sgd, in [0, 1)
  double weight_decay = 0;
  bool nesterov = false;                              ///< sgd with momentum
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  ///< adam, adamw; betas in [0, 1), epsilon >= 0
};

/// Throws UsageError naming the option that is out of range.
void validate(const OptimiserOptions& options);

/// An optimiser's state and its step, for parameters w of format F with gradients g. Each line below is one
/// operation: its right-hand side is accumulator arithmetic (a product and a sum written fma is fused) and is
/// rounded to storage once. Scalars are computed in binary64 and rounded as F's scalars are.
///
///   sgd     g = fma(decay, w, g)                     if decay != 0
///           b = mu * b;  b = g + b                   if mu != 0
///           g = fma(mu, b, g)                        if nesterov, else g = b
///           w = fma(-rate, g, w)
///   adam    g = fma(decay, w, g)                     if decay != 0
///   adamw   w = (1 - rate * decay) * w               instead
///   both    m = beta1 * m;  m = fma(1 - beta1, g, m)
///           v = beta2 * v;  v = fma((1 - beta2) * g, g, v)
///           s = sqrt(v);  s = s / sqrt(1 - beta2^t);  s = s + epsilon
///           w = w + (-rate / (1 - beta1^t) * m) / s
///
/// with t the number of this step, from 1. This is PyTorch's single-tensor order, with the fused
/// multiply-adds that PyTorch's vectorised CPU kernels use: in fp32 and fp64 the results are those of PyTorch
/// 1.13 on x86 with AVX2 (tests/golden), except that beta^t is correctly rounded here and comes from the C
/// library there. NaN and infinity propagate. In fp16 an epsilon below 2^-25 is lost: choose a larger one.
template <class F>
class Optimiser {
 public:
  using Real = typename F::Real;

  /// Zero state for every trainable parameter of the graph. Throws UsageError as validate does.
  Optimiser(const OptimiserOptions& options, const Graph& graph);

  /// One step at learning rate `rate`. Both lists have one entry per Graph::parameters(), of its shape;
  /// entries of parameters that are not trainable are left alone. Works on the threads of the current oneTBB
  /// arena, element by element, without allocating: the same bits for every number of threads and SIMD width.
  void step(std::vector<Tensor<Real>>& parameters, const std::vector<Tensor<Real>>& gradients, double rate);

  /// A tensor of the state: "momentum.P" (sgd with momentum), "exp_avg.P" and "exp_avg_sq.P" (adam, adamw)
  /// for every trainable parameter P, in the graph's order. To save from and to restore into, together with
  /// steps().
  struct StateTensor {
    std::string name;
    Tensor<Real>* values;  ///< lives as long as the optimiser
  };
  std::vector<StateTensor> state();

  /// Steps made so far.
  std::int64_t steps() const { return steps_; }
  void restore_steps(std::int64_t steps) { steps_ = steps; }

 private:
  OptimiserOptions options_;
  std::int64_t steps_ = 0;
  std::vector<std::string> names_;            ///< of the parameters; empty where not trainable
  std::vector<Tensor<Real>> first_, second_;  ///< momentum or exp_avg; exp_avg_sq
};

}  // namespace gradzone
