// ForwardPass: the network over the reals at one precision, layer by layer for a group of images in lockstep.
// On its way it settles the branches that coarser stages left open: by its own enclosures, by structure, and,
// where it has one, by an oracle of exact equality. An image whose branches it cannot all settle at some
// layer stops there: its search stays at that node for a finer stage.
#pragma once

#include <vector>

#include "gradzone/exact/fast/branch_search.hpp"
#include "gradzone/exact/fast/filter.hpp"
#include "gradzone/exact/fast/fixed_field.hpp"

namespace gradzone {

/// Batch statistics or running ones, one per channel.
struct ChannelStatistics {
  std::vector<MpfrInterval> mean, inverse_deviation;
};

template <class Field>
class ForwardPass {
 public:
  using Values = typename Field::Values;

  /// `oracle` may be nullptr. With `keep`, the values of all nodes stay for a backward pass, otherwise only
  /// the output's.
  ForwardPass(BranchSearch& search, Field field, std::vector<Index> images, TieOracle* oracle, bool keep);

  /// Returns whether some image came through; values are of use for those alone.
  bool run();

  const std::vector<Index>& images() const { return images_; }
  const Values& values(NodeId id) const { return values_[static_cast<std::size_t>(id)]; }
  const ChannelStatistics& statistics(NodeId id) const { return statistics_[static_cast<std::size_t>(id)]; }

 private:
  const Values& x(std::size_t k = 0) const { return values_[static_cast<std::size_t>(node_->inputs[k])]; }
  Values evaluate();
  Values activation(const Activation& op);
  Values max_pool(const MaxPool2d& op);
  Values average(const Window& window);
  Values norm_pool(const NormPool2d& op);
  Values batch_norm(const BatchNorm& op);
  ChannelStatistics batch_statistics(const BatchNorm& op, Values& centred);

  bool at_this_node(std::size_t slot) const {
    return search_.next[static_cast<std::size_t>(images_[slot])] == id_;
  }
  void settle_images();
  std::vector<std::uint8_t> dependent_channels() const;
  std::vector<std::uint8_t> codes() const;
  void release_inputs();

  BranchSearch& search_;
  const FastNetwork& net_;
  const Field field_;
  const std::vector<Index> images_;
  TieOracle* const oracle_;
  const bool keep_;
  std::vector<Values> values_;
  std::vector<ChannelStatistics> statistics_;
  // The node being evaluated.
  NodeId id_ = 0;
  const Node* node_ = nullptr;
};

extern template class ForwardPass<DoubleField>;
extern template class ForwardPass<FixedField>;

}  // namespace gradzone
