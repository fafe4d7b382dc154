// The difference of the gradients that two choices give: bounds of Delta_R, and a witness where it is not 0.
#pragma once

#include <string>
#include <vector>

#include "gradzone/exact/fast/backward_pass.hpp"
#include "gradzone/graph/graph.hpp"

namespace gradzone {

struct GradientDifference {
  double lower = 0, upper = 0;  ///< bounds of the largest |difference| of any entry over all pairs of choices
  std::string witness;  ///< the certainly nonzero entry with the largest midpoint; empty if there is none
};

/// One gradient per choice. `limbs` is the precision of the differences.
GradientDifference compare_gradients(const Graph& graph, const std::vector<FixedGradient>& gradients,
                                     int limbs);

/// a += b, tensor by tensor; an empty a becomes b.
void add_gradient(FixedGradient& a, FixedGradient b, int limbs);

}  // namespace gradzone
