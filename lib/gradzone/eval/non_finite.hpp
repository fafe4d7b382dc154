// Where NaN and infinity first appear in a forward and backward pass.
#pragma once

#include <cmath>
#include <string>

#include "gradzone/eval/network.hpp"

namespace gradzone {

template <class Real>
bool all_finite(const Tensor<Real>& t) {
  bool finite = true;
  for (const Real v : t.data) finite &= std::isfinite(v);  // no early end: this loop is vectorised
  return finite;
}

/// The layer where the first infinity or NaN appears: forward in layer order, else the loss (named "loss"),
/// else backward from the output; empty if every value is finite.
template <class F>
std::string non_finite_layer(const Graph& graph, const Activations<F>& a, double loss,
                             const Gradients<F>& g) {
  const auto& nodes = graph.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!all_finite(a.values[i])) return nodes[i].name;
  }
  if (!std::isfinite(loss)) return "loss";
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (!all_finite(g.outputs[i])) return nodes[i].name;
    for (std::size_t p = 0; p < g.parameters.size(); ++p) {
      if (graph.parameters()[p].node == static_cast<NodeId>(i) && !all_finite(g.parameters[p]))
        return nodes[i].name;
    }
  }
  return "";
}

}  // namespace gradzone
