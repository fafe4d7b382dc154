// How the branches of one image at one node are settled from enclosures of the node's input.
#pragma once

#include "gradzone/exact/fast/branch_search.hpp"
#include "gradzone/exact/fast/filter.hpp"
#include "gradzone/exact/fast/fixed_values.hpp"

namespace gradzone {

/// Settles what is left open at `node` for `image`, whose entries are the slot-th of x: by enclosures
/// (counted for `stage`), by structure, and, if there is one, by the oracle. Returns whether all branches are
/// known now, and for a tied maximum its sign.
template <class Values>
bool settle_branches(BranchSearch& search, NodeId node, Index image, const Values& x, Index slot, Stage stage,
                     TieOracle* oracle);

extern template bool settle_branches(BranchSearch&, NodeId, Index, const DoubleValues&, Index, Stage,
                                     TieOracle*);
extern template bool settle_branches(BranchSearch&, NodeId, Index, const FixedValues&, Index, Stage,
                                     TieOracle*);

}  // namespace gradzone
