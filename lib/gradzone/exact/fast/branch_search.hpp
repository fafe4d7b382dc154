// BranchSearch: what is known of the branches of a mini-batch over the reals, image by image, while ever more
// precise stages settle what is left.
#pragma once

#include <vector>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/fast/fast_network.hpp"
#include "gradzone/exact/fast/residue_evaluator.hpp"
#include "gradzone/exact/fast/structure.hpp"
#include "gradzone/exact/stage_counts.hpp"

namespace gradzone {

/// A stage of the search: where its branches are counted.
using Stage = Index StageCounts::*;

/// Decides equality exactly, where enclosures cannot: the residues.
class TieOracle {
 public:
  virtual ~TieOracle() = default;
  /// Whether entries i and j of one image's output of `node` are equal, on the branches that `search` knows.
  virtual Equality equal(Index image, NodeId node, Index i, Index j) = 0;
  virtual Equality equal_to(Index image, NodeId node, Index i, double constant) = 0;
  /// The stage its answers count for.
  virtual Stage stage() const = 0;
};

struct BranchSearch {
  BranchSearch(const FastNetwork& net, const MiniBatch& batch,
               const std::vector<std::vector<KinkRule>>& rules, bool use_structure);

  const FastNetwork& net;
  const MiniBatch& batch;
  bool use_structure;                     ///< equal identities prove ties
  std::vector<LayerBranches> branches;    ///< one per node with a kink, for the whole mini-batch
  std::vector<ImageStructure> structure;  ///< per image
  std::vector<NodeId> next;               ///< per image: the first node that is not settled yet
  std::vector<StageCounts> counts;        ///< per image

  bool settled(Index image) const { return next[static_cast<std::size_t>(image)] > net.graph.output(); }
  std::vector<Index> unsettled_images() const;

  /// Codes (and signs) of one image at a node with a kink.
  std::span<std::uint8_t> codes(NodeId node, Index image);
  std::span<const std::uint8_t> codes(NodeId node, Index image) const;
  std::span<std::int8_t> signs(NodeId node, Index image);

  /// Takes a node whose branches are all known into the structure of an image, and moves on to the next node.
  void advance(NodeId node, Index image, const std::vector<std::uint8_t>& dependent_channels);

  bool choice_free(Index image) const;
  StageCounts total() const;
};

}  // namespace gradzone
