// ImageStructure: which entries of one image's activations are the same expression of equal inputs (zones.md,
// section 3, "structure").
//
// Two entries of one channel with one identity have the same real value *and* the same formal derivative
// with respect to every parameter, under each choice of the audited set. The plain engine keeps the same
// relation in a table of keys (exact/identity.hpp); here a convolution's patches are compared pixel class by
// pixel class, so that the cost is that of reading each activation once. Nothing is decided by a hash: equal
// hashes are compared in full.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gradzone/exact/kink_rules.hpp"
#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// Numbers for tuples of numbers, in the order in which they are first seen.
class TupleTable {
 public:
  /// The number of this tuple, and whether it is new.
  std::pair<std::uint32_t, bool> find(std::span<const std::uint32_t> tuple);
  std::uint32_t size() const { return static_cast<std::uint32_t>(offsets_.size()); }

 private:
  std::span<const std::uint32_t> tuple_at(std::uint32_t number) const;
  void grow();

  std::vector<std::uint32_t> words_;  ///< all tuples, one after the other
  std::vector<std::size_t> offsets_;  ///< where each begins
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> slots_;  ///< number + 1, or 0
};

class ImageStructure {
 public:
  using Id = std::uint32_t;
  static constexpr Id zero = 0;  ///< the constant 0

  ImageStructure(const Graph& graph, const std::vector<std::vector<KinkRule>>& rules);

  /// Identities of node `id` from those of its inputs. `codes` are this image's branch codes of the node, all
  /// known (empty for nodes without a kink); `pixels` the image itself, for the input node.
  /// `dependent_channels`: for batch norm in training mode, whether a channel's statistics depend on the
  /// choice.
  void advance(NodeId id, std::span<const std::uint8_t> codes, std::span<const double> pixels,
               const std::vector<std::uint8_t>& dependent_channels);
  /// Forgets the identities of a node that nobody reads any more.
  void release(NodeId id) { ids_[static_cast<std::size_t>(id)] = {}; }

  const std::vector<Id>& ids(NodeId id) const { return ids_[static_cast<std::size_t>(id)]; }
  /// Whether the derivative of entry i of a node is the same under every choice.
  bool choice_free(NodeId id, Index i) const;
  /// Whether entry i of a node is a constant: its derivative vanishes under every choice.
  bool derivative_vanishes(NodeId id, Index i) const;
  /// Some kink at which the choices differ joined entries with a nonzero derivative.
  bool met_tie() const { return met_tie_; }

 private:
  /// What is known of the derivative of every entry with an identity.
  enum Flag : std::uint8_t { none = 0, dependent = 1, alive = 2 };

  void input(std::span<const double> pixels);
  void linear(const Window& window, Index outputs);
  void activation(const Activation& op, std::span<const std::uint8_t> codes);
  void max_pool(const MaxPool2d& op, std::span<const std::uint8_t> codes);
  void average(const Window& window);
  void norm_pool(const NormPool2d& op, std::span<const std::uint8_t> codes);
  void batch_norm(const std::vector<std::uint8_t>& dependent_channels);
  void add(const Add& op);
  void concatenate();

  Id fresh(std::uint8_t flags);
  /// The identity of a tuple of parts at this node: what the parts have, and `more`.
  Id tuple_id(std::span<const std::uint32_t> tuple, std::uint8_t flags);
  std::uint8_t flags_of(std::span<const Id> parts) const;
  const std::vector<Id>& x(std::size_t k = 0) const {
    return ids_[static_cast<std::size_t>(node_->inputs[k])];
  }
  const Shape& x_shape() const { return graph_.node(node_->inputs[0]).shape; }
  const KinkRule& rule(std::size_t k) const { return rules_[static_cast<std::size_t>(id_)][k]; }
  template <class Visit>
  void for_each_window(const Window& window, Visit&& visit);

  const Graph& graph_;
  const std::vector<std::vector<KinkRule>>& rules_;
  std::vector<std::vector<Id>> ids_;  ///< per node
  std::vector<std::uint8_t> flags_;   ///< per identity
  bool met_tie_ = false;
  // The node being advanced.
  NodeId id_ = 0;
  const Node* node_ = nullptr;
  std::vector<Id>* y_ = nullptr;
  TupleTable tuples_;          ///< of this node
  std::vector<Id> tuple_ids_;  ///< their identities
};

}  // namespace gradzone
