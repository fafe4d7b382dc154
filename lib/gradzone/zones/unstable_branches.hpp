// Branches that hang on rounding: another float program of the same format may take another one, and its
// gradient jumps.
#pragma once

#include <span>
#include <vector>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// What the float program of one summation order does at a point.
struct OrderRun {
  const FloatRun* run = nullptr;
  std::vector<Tensor<double>> values;  ///< of each node (float_values)
};

/// Whether every branch that a nonzero derivative reaches is the one over the reals.
bool takes_real_branches(const Graph& graph, const FloatRun& run, const std::vector<LayerBranches>& reals);

/// The node nearest to the output at which a nonzero derivative reaches a branch that hangs on rounding: one
/// that is not the real one in some order, or that is closer to a kink than `margin` times the largest
/// difference between orders in that layer. -1 if there is none. What lies behind it is free of jumps.
NodeId last_unstable_node(const Graph& graph, std::span<const OrderRun> orders,
                          const std::vector<LayerBranches>& reals, double margin);

}  // namespace gradzone
