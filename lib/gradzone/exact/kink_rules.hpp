// Where in a network the audited choices differ.
#pragma once

#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// What the audited set of choices says at one kink: whether all choices agree there, and on which value.
struct KinkRule {
  bool agree = true;
  double value = 0;  ///< the common value, if they agree
};
/// Per node: one rule for a pool (its beta, or the norm pool's value), one per kink for an activation.
std::vector<std::vector<KinkRule>> kink_rules(const Graph& graph, const std::vector<Choice>& choices);

}  // namespace gradzone
