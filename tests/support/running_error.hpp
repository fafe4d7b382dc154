// A bound for the rounding errors of a float gradient by running error analysis (Higham, Accuracy and
// Stability of Numerical Algorithms, section 3.3): beside every value of the forward and backward pass goes a
// bound of its error. A sum of k products errs by at most gamma_k times the sum of their absolute values,
// plus what its inputs bring along. First order in the bounds is not enough: products of two errors are kept.
#pragma once

#include <vector>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone::support {

/// For chains of convolution, linear, ReLU, max pool, batch norm in evaluation and flatten, with
/// cross-entropy, as long as the branches of the float run are those of the exact one.
class RunningError {
 public:
  RunningError(const Graph& graph, const Parameters& parameters, const MiniBatch& batch,
               double unit_roundoff);

  /// Of every logit and of the loss.
  double logit_error() const { return logit_error_; }
  double gradient_error(std::size_t parameter, std::size_t entry) const {
    return gradient_[parameter].data[entry];
  }

 private:
  /// Values (in binary64, far more exact than the bounds) with the bounds of their errors.
  struct Pairs {
    std::vector<double> value, error;
    void reset(std::size_t size) { value.assign(size, 0), error.assign(size, 0); }
  };
  double gamma(Index roundings) const;
  void forward(const Node& node, const LayerBranches* branches);
  void loss(const MiniBatch& batch);
  void backward(const Node& node, const LayerBranches* branches);
  void backward_products(const Node& node, const Pairs& x, Pairs& dx);
  void backward_norm(const Node& node, const BatchNorm& op, const Pairs& x, Pairs& dx);
  const std::vector<double>& parameter(const Node& node, int k) const;

  const Graph& graph_;
  const Parameters& parameters_;
  Index images_;
  double unit_roundoff_, logit_error_ = 0;
  std::vector<Pairs> layers_;
  Pairs adjoint_;        ///< of the node that is being visited
  Parameters gradient_;  ///< bounds only
};

}  // namespace gradzone::support
