// Graph: an immutable, validated network. It knows shapes and names and no arithmetic.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

using NodeId = int;

struct Node {
  std::string name;  ///< as the checkpoint names the layer ("features.2"); unique
  Operation op;
  std::vector<NodeId> inputs;  ///< earlier nodes
  Shape shape;                 ///< of the output for one sample, without the batch dimension
  int first_parameter = -1;    ///< index into Graph::parameters(), in the order the operation lists them
};

struct ParameterSpec {
  std::string name;  ///< "features.0.weight", as in PyTorch's state_dict of the original
  Shape shape;
  NodeId node = 0;
  bool trainable = true;  ///< running statistics are not
};

/// What the gradient is taken of: the mean cross-entropy against labels, or the sum over the batch of a
/// scalar output.
enum class Loss { cross_entropy, output };

class Graph {
 public:
  const std::string& name() const { return name_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  NodeId output() const { return static_cast<NodeId>(nodes_.size()) - 1; }
  const Shape& input_shape() const { return nodes_.front().shape; }
  const std::vector<ParameterSpec>& parameters() const { return parameters_; }
  Loss loss() const { return loss_; }
  /// Number of logits (cross_entropy) or 1 (output).
  Index classes() const;

  /// The same network with every hyper-parameter (eps, slopes, pinned beta) rounded as the float program of
  /// `format` sees it: both the float and the real evaluation of a point start from these numbers.
  Graph with_scalars_of(FormatId format) const;

  /// The same network with every batch norm in `mode`.
  Graph with_batch_norm(BatchNorm::Mode mode) const;

  /// One line a layer: name, operation, output shape, parameters.
  std::string describe() const;

 private:
  friend class GraphBuilder;
  std::string name_;
  std::vector<Node> nodes_;
  std::vector<ParameterSpec> parameters_;
  Loss loss_ = Loss::cross_entropy;
};

/// Builds a Graph node by node. Every call validates shapes and throws UsageError naming the layer.
class GraphBuilder {
 public:
  /// `input_shape` is one sample's: [c, h, w] or [features].
  GraphBuilder(std::string name, Shape input_shape);

  /// Appends an operation on the given nodes; the returned id is its output. Its parameters, in the order
  /// that the operation lists them, are called LAYER.weight, LAYER.bias, ... unless `parameter_names` says
  /// otherwise; no name may come twice.
  NodeId add(std::string layer_name, Operation op, std::vector<NodeId> inputs,
             std::vector<std::string> parameter_names = {});
  /// Appends an operation on the node added last.
  NodeId then(std::string layer_name, Operation op);
  NodeId last() const { return static_cast<NodeId>(graph_.nodes_.size()) - 1; }
  /// Of one sample's output. Precondition: the node exists.
  const Shape& shape(NodeId id) const { return graph_.node(id).shape; }

  /// Checks that the last node is a vector of logits (or one number for Loss::output) and every node is used.
  Graph build(Loss loss);

 private:
  Graph graph_;
  std::set<std::string> layer_names_, parameter_names_;
};

}  // namespace gradzone
