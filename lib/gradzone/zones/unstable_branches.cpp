#include "gradzone/zones/unstable_branches.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradzone/graph/window_walk.hpp"
#include "gradzone/zones/kink_codes.hpp"

namespace gradzone {
namespace {

/// Calls `visit(kink)` for each kink of the layer that a nonzero derivative reaches.
template <class Visit>
void for_each_reached(const FloatRun& run, std::size_t layer, Visit visit) {
  const Tensor<double>& derivative = run.output_gradients[layer];
  for (Index k = 0; k < derivative.size(); ++k) {
    if (derivative[k] != 0) visit(k);
  }
}

bool takes_real_branch(const Graph& graph, const FloatRun& run, const std::vector<LayerBranches>& reals,
                       std::size_t layer) {
  const Index size = codes_per_kink(graph.node(reals[layer].node).op);
  bool same = true;
  for_each_reached(run, layer, [&](Index k) {
    const Codes f = codes_of(run.branches[layer], k, size), r = codes_of(reals[layer], k, size);
    same = same && (is_unknown(r) || std::equal(f.begin(), f.end(), r.begin()));
  });
  return same;
}

double largest_difference(std::span<const OrderRun> orders, NodeId node) {
  const auto at = static_cast<std::size_t>(node);
  const Tensor<double>& first = orders[0].values[at];
  double out = 0;
  for (const OrderRun& order : orders)
    for (Index i = 0; i < first.size(); ++i) {
      const double d = std::fabs(order.values[at][i] - first[i]);
      out = d <= out ? out : d;  // NaN, of an overflow, stays
    }
  return out;
}

double distance_to_kinks(const Activation& activation, double x) {
  double out = std::numeric_limits<double>::infinity();
  for (const double kink : piecewise(activation).kinks) out = std::min(out, std::fabs(x - kink));
  return out;
}

/// How far the largest entry of a window that is not a maximum over the reals is below its maximum.
double gap_below_maximum(const MaxPool2d& pool, const Shape& sample, const Tensor<double>& x, Index kink,
                         Codes reals) {
  const Index h = sample[1], w = sample[2];
  const Index rows = pool.window.out_h(h), columns = pool.window.out_w(w);
  const Index plane = kink / (rows * columns) * h * w;
  double maximum = -std::numeric_limits<double>::infinity(), other = maximum;
  for (const WindowEntry& e : window_entries(pool.window, h, w, kink / columns % rows, kink % columns)) {
    double& side = reals[static_cast<std::size_t>(e.position)] == 1 ? maximum : other;
    side = std::max(side, x[plane + e.offset]);
  }
  return maximum - other;
}

/// Whether a branch of this layer is within `margin` of a kink that the reals do not put it on.
bool has_close_call(const Graph& graph, std::span<const OrderRun> orders, const LayerBranches& reals,
                    std::size_t layer, double margin) {
  const Node& node = graph.node(reals.node);
  const NodeId from = node.inputs[0];
  const Tensor<double>& x = orders[0].values[static_cast<std::size_t>(from)];
  const double close = margin * largest_difference(orders, from);
  if (std::isnan(close)) return true;
  const Index size = codes_per_kink(node.op);
  bool found = false;
  for_each_reached(*orders[0].run, layer, [&](Index k) {
    const Codes r = codes_of(reals, k, size);
    if (found || is_unknown(r)) return;
    if (const auto* activation = std::get_if<Activation>(&node.op)) {
      found = !is_tie(node.op, r) && distance_to_kinks(*activation, x[k]) <= close;
    } else if (const auto* pool = std::get_if<MaxPool2d>(&node.op)) {
      found = gap_below_maximum(*pool, graph.node(from).shape, x, k, r) <= close;
    }
  });
  return found;
}

}  // namespace

bool takes_real_branches(const Graph& graph, const FloatRun& run, const std::vector<LayerBranches>& reals) {
  for (std::size_t layer = 0; layer < reals.size(); ++layer) {
    if (!takes_real_branch(graph, run, reals, layer)) return false;
  }
  return true;
}

NodeId last_unstable_node(const Graph& graph, std::span<const OrderRun> orders,
                          const std::vector<LayerBranches>& reals, double margin) {
  for (std::size_t layer = reals.size(); layer-- > 0;) {
    const bool same = std::ranges::all_of(
        orders, [&](const OrderRun& order) { return takes_real_branch(graph, *order.run, reals, layer); });
    if (!same || has_close_call(graph, orders, reals[layer], layer, margin)) return reals[layer].node;
  }
  return -1;
}

}  // namespace gradzone
