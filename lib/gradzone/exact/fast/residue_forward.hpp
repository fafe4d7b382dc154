// ResidueForward: the values of a mini-batch modulo every prime, node by node, on branches given from
// outside.
#pragma once

#include <memory>
#include <vector>

#include "gradzone/base/parallel.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/fast/residue_network.hpp"
#include "gradzone/exact/fast/residue_products.hpp"
#include "gradzone/graph/window_walk.hpp"

namespace gradzone {

/// Of a batch norm, modulo every prime: [prime][channel].
struct ResidueStatistics {
  std::vector<std::vector<Residue>> mean;
  std::vector<std::vector<Residue>> inverse_deviation;  ///< the unknowns
};

class ResidueForward {
 public:
  using Fields = std::vector<std::shared_ptr<const ResidueField>>;

  /// Precondition: x fits the graph and is finite.
  ResidueForward(std::shared_ptr<const ResidueNetwork> network, Fields fields, const Tensor<double>& x);

  /// Evaluates the nodes up to and including `through`, on branches given per node with a kink, in node order
  /// (of later nodes they are not looked at, and may be left out). An image of which a branch is unknown is
  /// undefined from that node on.
  void advance(NodeId through, const std::vector<LayerBranches>& branches);

  const ResidueNetwork& network() const { return *network_; }
  const Graph& graph() const { return network_->graph(); }
  int primes() const { return static_cast<int>(fields_.size()); }
  const ResidueField& field(int prime) const { return *fields_[static_cast<std::size_t>(prime)]; }
  /// Parameter k of a node.
  ResidueParameter parameter(const Node& node, int k, int prime) const {
    return network_->parameter(field(prime), prime, node.first_parameter + k);
  }
  Index images() const { return values_.front()->images(); }
  /// The last node evaluated.
  NodeId reached() const { return static_cast<NodeId>(values_.size()) - 1; }
  const ResidueTensor& value(NodeId id) const { return *values_[static_cast<std::size_t>(id)]; }
  const LayerBranches& branches(NodeId id) const { return branches_[static_cast<std::size_t>(id)]; }
  const ResidueStatistics& statistics(NodeId id) const { return statistics_[static_cast<std::size_t>(id)]; }
  /// Whether image n has a value at node `id` on the branches given.
  bool is_defined(NodeId id, Index n) const { return id < undefined_from_[static_cast<std::size_t>(n)]; }

 private:
  class Step;

  std::shared_ptr<const ResidueNetwork> network_;
  Fields fields_;
  // Per node, up to reached().
  std::vector<std::shared_ptr<const ResidueTensor>> values_;
  std::vector<LayerBranches> branches_;
  std::vector<ResidueStatistics> statistics_;
  std::vector<NodeId> undefined_from_;  ///< per image
};

/// Calls body(prime, field) for every prime of the pass, in parallel.
template <class Body>
void for_each_prime(const ResidueForward& forward, const Body& body) {
  parallel_for(forward.primes(), [&](Index k) {
    const int prime = static_cast<int>(k);
    body(prime, forward.field(prime));
  });
}

/// Calls visit(output, entries, first index of the input plane) for every window of [n, c, h, w] tensors.
template <class Visit>
void for_each_window(const Window& w, const Shape& in, const Shape& out, Visit&& visit) {
  const Index plane = out[2] * out[3], count = element_count(out);
  for (Index output = 0; output < count; ++output) {
    visit(output, window_entries(w, in[2], in[3], output % plane / out[3], output % out[3]),
          output / plane * in[2] * in[3]);
  }
}

/// Calls visit(entry) for channel c of a tensor [n, c, ...].
template <class Visit>
void for_each_in_channel(const Shape& shape, Index c, Visit&& visit) {
  const Index area = element_count(shape) / (shape[0] * shape[1]);
  for (Index n = 0; n < shape[0]; ++n)
    for (Index k = 0; k < area; ++k) visit((n * shape[1] + c) * area + k);
}

/// Convolutions and linear layers are one.
inline ResidueConvolution as_convolution(const Conv2d& op, const Shape& x) {
  return {op, {x[1], x[2], x[3]}, x[0]};
}
inline ResidueConvolution as_convolution(const Linear& op, const Shape& x) {
  return {{op.in_features, op.out_features, {}, op.bias}, {op.in_features, 1, 1}, x[0]};
}

}  // namespace gradzone
