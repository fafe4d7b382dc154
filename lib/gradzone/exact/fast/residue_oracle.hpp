// ResidueOracle: the search's questions of exact equality, answered by residues.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "gradzone/exact/fast/branch_search.hpp"
#include "gradzone/exact/reference_options.hpp"

namespace gradzone {

/// The residues of one network, made when a point first needs them (few do).
class LazyResidues {
 public:
  LazyResidues(const FastNetwork& net, const ReferenceOptions& options) : net_(net), options_(options) {}
  const ResidueEvaluator& get() const;

 private:
  const FastNetwork& net_;
  const ReferenceOptions& options_;
  mutable std::once_flag made_;
  mutable std::unique_ptr<const ResidueEvaluator> evaluator_;
};

class ResidueOracle final : public TieOracle {
 public:
  ResidueOracle(const BranchSearch& search, const LazyResidues& residues, const ReferenceOptions& options,
                const std::vector<Choice>& choices);

  Equality equal(Index image, NodeId node, Index i, Index j) override;
  Equality equal_to(Index image, NodeId node, Index i, double constant) override;
  Stage stage() const override;

  /// Whether all choices give one gradient of the loss summed over these images, whose branches are all
  /// known.
  Equality choices_agree(const std::vector<Index>& images);

  /// log2 of a bound of the chance that any answer `equal` was wrong.
  double log2_chance() const;

 private:
  /// The pass of an image, evaluated up to `node`. Images that depend on each other share one.
  ResiduePass& pass_at(Index image, NodeId node);
  std::vector<LayerBranches> branches_of(const std::vector<Index>& images) const;
  MiniBatch batch_of(const std::vector<Index>& images) const;
  /// Entry i of the image's own output, as an entry of its pass's.
  Index entry(Index image, NodeId node, Index i) const;
  /// The index of an image's pass.
  std::size_t slot(Index image) const { return search_.net.coupled ? 0 : static_cast<std::size_t>(image); }
  template <class Ask>
  Equality ask(Index image, NodeId node, Ask&& question);

  const BranchSearch& search_;
  const LazyResidues& residues_;
  const ReferenceOptions& options_;
  const std::vector<Choice>& choices_;
  std::vector<std::unique_ptr<ResiduePass>> passes_;  ///< per image, or one
  std::mutex shared_;                                 ///< of the one pass of images that depend on each other
  std::vector<double>
      chances_;  ///< log2, of the passes that answered `equal`; the last one: of choices_agree
};

}  // namespace gradzone
