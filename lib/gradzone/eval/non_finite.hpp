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
/// else backward from the output; empty if every value is finite. finite(tensor) says whether it is.
template <class F, class Memory, class Finite>
std::string non_finite_layer(const Graph& graph, const Activations<F, Memory>& a, double loss,
                             const Gradients<F, Memory>& g, const Finite& finite) {
  const auto& nodes = graph.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!finite(a.values[i])) return nodes[i].name;
  }
  if (!std::isfinite(loss)) return "loss";
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (!finite(g.outputs[i])) return nodes[i].name;
    for (std::size_t p = 0; p < g.parameters.size(); ++p) {
      if (graph.parameters()[p].node == static_cast<NodeId>(i) && !finite(g.parameters[p]))
        return nodes[i].name;
    }
  }
  return "";
}
template <class F>
std::string non_finite_layer(const Graph& graph, const Activations<F>& a, double loss,
                             const Gradients<F>& g) {
  return non_finite_layer(graph, a, loss, g, all_finite<typename F::Real>);
}

}  // namespace gradzone
