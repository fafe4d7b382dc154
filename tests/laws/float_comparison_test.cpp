// FloatComparison against the Auditor and the float evaluator on random networks full of ties and exact
// zeros: it leaves out passes, but no difference.
#include "gradzone/zones/float_comparison.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "../support/random_net.hpp"
#include "gradzone/arith/tensors.hpp"
#include "gradzone/kernels/layout.hpp"
#include "gradzone/zones/auditor.hpp"

namespace gradzone::support {
namespace {

int scaled(int count) {
  const char* scale = std::getenv("GRADZONE_TEST_SCALE");
  return scale ? static_cast<int>(count * std::atof(scale)) : count;
}

/// Of each mini-batch, with one comparison for all of them.
std::vector<ComparedBatch> compare(const RandomNet& net, Order order, const std::vector<MiniBatch>& batches) {
  return visit_format(net.format, [&](auto f) {
    using F = typename decltype(f)::type;
    const Graph graph = net.graph.with_scalars_of(F::id);
    FloatComparison<F> comparison(graph, net.parameters, order, net.form, net.choices);
    std::vector<ComparedBatch> out;
    for (const MiniBatch& b : batches)
      out.push_back(comparison.compare(channels_last<typename F::Real>(to_format<F>(b.x)), b.labels));
    return out;
  });
}

/// The first image alone.
MiniBatch first_image(const MiniBatch& batch) {
  MiniBatch out;
  out.x.shape = batch.x.shape;
  out.x.shape[0] = 1;
  out.x.data.assign(batch.x.data.begin(), batch.x.data.begin() + batch.x.size() / batch.size());
  if (!batch.labels.empty()) out.labels = {batch.labels[0]};
  return out;
}

/// Whether every choice has ReLU'(0) = 0 at this node.
bool is_dead_at_zero(const Graph& graph, NodeId id, const std::vector<Choice>& choices) {
  const auto* activation = std::get_if<Activation>(&graph.node(id).op);
  return activation && activation->kind == Activation::Kind::relu &&
         std::ranges::all_of(choices, [](const Choice& c) { return c.relu_at_0 == 0; });
}

/// Whether a branch of the float run is a kink at which the choices differ and which a derivative can reach,
/// told from its codes.
bool on_kink(const Graph& graph, const LayerBranches& layer, const std::vector<Choice>& choices, Form form) {
  const Node& node = graph.node(layer.node);
  const std::vector<KinkRule> rules = kink_rules(graph, choices)[static_cast<std::size_t>(layer.node)];
  if (std::holds_alternative<Activation>(node.op)) {
    return std::ranges::any_of(
        layer.codes, [&](std::uint8_t code) { return code % 2 == 1 && !rules[(code - 1u) / 2].agree; });
  }
  if (rules[0].agree) return false;
  if (std::holds_alternative<NormPool2d>(node.op))
    return std::ranges::any_of(layer.codes, [](std::uint8_t code) { return code == 1; });
  const bool dead = form == Form::direct && is_dead_at_zero(graph, node.inputs[0], choices);
  const std::size_t window = layer.codes.size() / layer.signs.size();
  for (std::size_t o = 0; o < layer.signs.size(); ++o) {
    const auto begin = layer.codes.begin() + static_cast<std::ptrdiff_t>(o * window);
    const bool tie = std::count(begin, begin + static_cast<std::ptrdiff_t>(window), 1) > 1;
    if (tie && !(dead && layer.signs[o] == 0)) return true;
  }
  return false;
}

/// The largest difference of two entries.
double distance(const Tensor<double>& a, const Tensor<double>& b) {
  double largest = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    largest = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(largest, d);
  }
  return largest;
}

/// The largest difference in the first trainable tensor, and whether the first run is on a kink.
std::pair<double, bool> facts(const RandomNet& net, Order order, const MiniBatch& batch) {
  const Graph graph = net.graph.with_scalars_of(net.format);
  const auto floats = make_float_evaluator(graph, net.parameters, {net.format, order});
  std::vector<Choice> choices;
  for (const Choice& c : net.choices) choices.push_back(round_to_scalars(c, net.format));
  std::vector<FloatRun> runs;
  for (const Choice& c : choices) runs.push_back(floats->run(batch, c, net.form));
  const auto first =
      std::ranges::find_if(graph.parameters(), [](const auto& spec) { return spec.trainable; });
  double largest = 0;
  if (first != graph.parameters().end()) {
    const auto at = static_cast<std::size_t>(first - graph.parameters().begin());
    for (const FloatRun& a : runs)
      for (const FloatRun& b : runs) largest = std::max(largest, distance(a.gradient[at], b.gradient[at]));
  }
  const bool kink = std::ranges::any_of(
      runs[0].branches, [&](const LayerBranches& layer) { return on_kink(graph, layer, choices, net.form); });
  return {largest, kink};
}

TEST(FloatComparison, SaysWhatTheAuditorSaysOfTheFloats) {
  int kinks = 0, smooth = 0, different = 0;
  for (int seed = 0; seed < scaled(2000); ++seed) {
    const RandomNet net = random_net(static_cast<std::uint64_t>(seed));
    const Order order = all_orders[static_cast<std::size_t>(seed) % all_orders.size()];
    SCOPED_TRACE(net.describe() + " " + std::string(name(order)));
    ReferenceOptions verdict;
    verdict.work = Work::verdict;
    const Auditor auditor(net.graph, net.parameters, {{net.format, order}, net.form, net.choices, verdict});
    const std::vector<MiniBatch> batches{net.batch, first_image(net.batch), net.batch};
    const std::vector<ComparedBatch> compared = compare(net, order, batches);
    for (std::size_t b = 0; b < 2; ++b) {
      const PointRecord expected = auditor.audit(batches[b]).point;
      EXPECT_EQ(compared[b].difference.inf, expected.delta_float_inf);
      EXPECT_EQ(compared[b].difference.l1, expected.delta_float_l1);
      EXPECT_EQ(compared[b].difference.stat_inf, expected.stat_inf);
      EXPECT_EQ(compared[b].difference.stat_l1, expected.stat_l1);
      EXPECT_EQ(compared[b].predicted, expected.predicted);
      const auto [first, kink] = facts(net, order, batches[b]);
      EXPECT_EQ(compared[b].difference.first, first);
      EXPECT_EQ(compared[b].on_kink, kink);
      ++(compared[b].on_kink ? kinks : smooth);
      different += compared[b].difference.inf != 0;
    }
    // Memory that an earlier mini-batch left changes nothing.
    EXPECT_EQ(compared[2].difference.l1, compared[0].difference.l1);
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(kinks, scaled(500));
  EXPECT_GT(smooth, scaled(250));
  EXPECT_GT(different, scaled(250));
}

}  // namespace
}  // namespace gradzone::support
