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

/// The place where the first infinity or NaN appears: with n nodes, i is node i forward, n the loss, 2 n - i
/// node i backward, 2 n + 1 nowhere. finite(tensor) says whether it is.
template <class F, class Memory, class Finite>
Index first_non_finite(const Graph& graph, const Activations<F, Memory>& a, double loss,
                       const Gradients<F, Memory>& g, const Finite& finite) {
  const std::size_t nodes = graph.nodes().size();
  const auto backward_is_finite = [&](std::size_t node) {
    for (std::size_t p = 0; p < g.parameters.size(); ++p)
      if (graph.parameters()[p].node == static_cast<NodeId>(node) && !finite(g.parameters[p])) return false;
    return finite(g.outputs[node]);
  };
  std::size_t place = 0;
  while (place < nodes && finite(a.values[place])) ++place;
  if (place == nodes && std::isfinite(loss)) ++place;
  while (place > nodes && place <= 2 * nodes && backward_is_finite(2 * nodes - place)) ++place;
  return static_cast<Index>(place);
}

/// The name of the layer there; "loss"; empty for nowhere.
inline std::string non_finite_layer(const Graph& graph, Index place) {
  const Index nodes = static_cast<Index>(graph.nodes().size());
  if (place == nodes) return "loss";
  if (place > 2 * nodes) return "";
  return graph.nodes()[static_cast<std::size_t>(place < nodes ? place : 2 * nodes - place)].name;
}

/// Both.
template <class F>
std::string non_finite_layer(const Graph& graph, const Activations<F>& a, double loss,
                             const Gradients<F>& g) {
  return non_finite_layer(graph, first_non_finite(graph, a, loss, g, all_finite<typename F::Real>));
}

}  // namespace gradzone
