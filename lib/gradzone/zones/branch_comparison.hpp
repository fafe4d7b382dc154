// Float branches beside real ones: the rows of branches.csv, the pictures of ties, and the cause of a
// compensation (zones.md, section 2).
#pragma once

#include <string>
#include <vector>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/kink_rules.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

/// How the float branch at one kink relates to the real one.
enum class Site {
  none,       ///< neither has a tie or a zero, or the real branch is unknown
  same,       ///< a tie or a zero in both, the same one
  false_tie,  ///< the float one has a tied entry, or a zero, that the real one lacks
  lost_tie,   ///< the real one has a tied entry, or a zero, that the float one lacks
};

/// One record per layer with a kink, in layer order. `point` and `format` are the caller's.
std::vector<BranchRecord> branch_records(const Graph& graph, const std::vector<LayerBranches>& floats,
                                         const std::vector<LayerBranches>& reals);

struct Cause {
  std::string name;  ///< "rounding", "false tie", "lost tie"
  std::string layer;
};

/// Why the float choices differ at a point where the real ones agree, from the branches alone: the first
/// layer, in forward order, whose kinks the choices differ at and where a float branch that a nonzero float
/// derivative reaches is not the real one (false tie, lost tie); failing that, `rounding` at the first such
/// layer with a tie or zero.
Cause branch_cause(const Graph& graph, const std::vector<std::vector<KinkRule>>& rules,
                   const std::vector<FloatRun>& runs, const std::vector<LayerBranches>& reals);

/// Up to `limit` tied pooling windows: false and lost ties first, then ties of both worlds at a nonzero
/// maximum, then at zero.
std::vector<TieWindow> tie_windows(const Graph& graph, const std::vector<LayerBranches>& floats,
                                   const std::vector<LayerBranches>& reals, std::size_t limit);

}  // namespace gradzone
