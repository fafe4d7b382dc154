#include "gradzone/exact/fast/fast_network.hpp"

namespace gradzone {

FastNetwork::FastNetwork(const Graph& g, const Parameters& p, const std::shared_ptr<DeviceProducts>& device)
    : graph(g), parameters(p) {
  const auto& nodes = graph.nodes();
  layers.resize(nodes.size());
  last_use.assign(nodes.size(), graph.output());
  read_backward.assign(nodes.size(), 0);
  int kinks = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeId id = static_cast<NodeId>(i);
    const Operation& op = nodes[i].op;
    const bool reads = std::holds_alternative<Conv2d>(op) || std::holds_alternative<Linear>(op) ||
                       std::holds_alternative<BatchNorm>(op) || std::holds_alternative<NormPool2d>(op);
    for (const NodeId input : nodes[i].inputs) {
      last_use[static_cast<std::size_t>(input)] = id;
      if (reads) read_backward[static_cast<std::size_t>(input)] = 1;
    }
    if (std::holds_alternative<NormPool2d>(op)) read_backward[i] = 1;
    kink_index.push_back(has_kink(op) ? kinks++ : -1);
    if (std::holds_alternative<Conv2d>(op) || std::holds_alternative<Linear>(op)) {
      layers[i] = linear_layer(graph, id, parameters);
      representable = representable && layers[i].has_value();
      if (layers[i]) layers[i]->packs = std::make_shared<WeightPacks>(device);
      const Shape& weight = graph.parameters()[static_cast<std::size_t>(nodes[i].first_parameter)].shape;
      const Index pixels = nodes[i].shape.size() == 3 ? nodes[i].shape[1] * nodes[i].shape[2] : 1;
      products += element_count(weight) * pixels;
    }
    const auto* norm = std::get_if<BatchNorm>(&op);
    coupled = coupled || (norm && norm->mode == BatchNorm::Mode::training);
    has_norm_pool = has_norm_pool || std::holds_alternative<NormPool2d>(op);
  }
}

Shape FastNetwork::batched(NodeId id, Index images) const {
  Shape out = graph.node(id).shape;
  out.insert(out.begin(), images);
  return out;
}

}  // namespace gradzone
