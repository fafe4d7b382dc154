// The forward pass over the reals: values, branches, and the identities that prove ties by structure.
#pragma once

#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/arithmetic.hpp"
#include "gradzone/exact/identity.hpp"
#include "gradzone/exact/kink_rules.hpp"
#include "gradzone/exact/stage_counts.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// Batch statistics or running ones as the real reference sees them, one per channel.
template <class Number>
struct RealBatchNorm {
  std::vector<Number> mean, inverse_deviation;
};

template <class A>
struct RealForward {
  using Number = typename A::Number;
  std::vector<Tensor<Number>> values;             ///< per node
  std::vector<RealBatchNorm<Number>> batch_norm;  ///< per node
  std::vector<LayerBranches> branches;            ///< per node with a kink, in node order
  std::vector<std::vector<Identity>> identities;  ///< per node
  IdentityTable table;
  StageCounts stages;    ///< of the branches settled here; those known before count as undecided
  bool complete = true;  ///< every branch, and the sign of every tied maximum, is certain
  bool met_tie =
      false;  ///< some kink at which the choices differ joined identities with a nonzero derivative
};

struct ForwardInput {
  const Graph& graph;
  const MiniBatch& batch;
  const std::vector<std::vector<KinkRule>>& rules;
  const std::vector<LayerBranches>* known =
      nullptr;                ///< branches decided elsewhere; fills what stays unknown here
  bool use_structure = true;  ///< equal identities prove equality
};

/// Parameters are given as numbers of the arithmetic, per Graph::parameters() entry.
template <class A>
RealForward<A> real_forward(const A& arithmetic, const ForwardInput& input,
                            const std::vector<Tensor<typename A::Number>>& parameters);

extern template RealForward<BallArithmetic> real_forward(const BallArithmetic&, const ForwardInput&,
                                                         const std::vector<Tensor<Ball>>&);
extern template RealForward<RationalArithmetic> real_forward(
    const RationalArithmetic&, const ForwardInput&, const std::vector<Tensor<RationalArithmetic::Number>>&);

}  // namespace gradzone
