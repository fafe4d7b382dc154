// FastNetwork: what the fast engine prepares once per network.
#pragma once

#include <optional>
#include <vector>

#include "gradzone/exact/fast/fixed_layers.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

struct FastNetwork {
  Graph graph;
  Parameters parameters;
  std::vector<std::optional<LinearLayer>> layers;  ///< per node; filled for convolutions and linear layers
  std::vector<NodeId> last_use;                    ///< per node: the last node that reads it
  std::vector<std::uint8_t> read_backward;         ///< per node: its values are read again by a backward pass
  std::vector<int> kink_index;                     ///< per node: its place among the nodes with a kink, or -1
  bool representable = true;                       ///< the multiword arithmetic holds all weights exactly
  bool coupled = false;  ///< images depend on each other: batch norm in training mode
  bool has_norm_pool = false;
  Index products = 0;  ///< multiply-adds of a forward pass of one image

  /// `device` (may be nullptr): for the products that it takes.
  FastNetwork(const Graph& graph, const Parameters& parameters,
              const std::shared_ptr<DeviceProducts>& device = nullptr);

  const LinearLayer& layer(NodeId id) const { return *layers[static_cast<std::size_t>(id)]; }
  const Tensor<double>& parameter(NodeId id, std::size_t k) const {
    return parameters[static_cast<std::size_t>(graph.node(id).first_parameter) + k];
  }
  /// [images, shape of the node]
  Shape batched(NodeId id, Index images) const;
};

}  // namespace gradzone
