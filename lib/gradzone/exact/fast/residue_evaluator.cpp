#include "gradzone/exact/fast/residue_evaluator.hpp"

#include <fmt/format.h>

#include <cassert>
#include <cmath>
#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/exact/fast/residue_backward.hpp"
#include "gradzone/exact/fast/residue_forward.hpp"
#include "gradzone/exact/fast/residue_softmax.hpp"

namespace gradzone {
namespace {

/// Beyond this a proof of equality is out of reach: heights of 400,000 bits.
constexpr int most_primes = 1 << 14;

/// How many primes a pass takes, and what they leave of doubt.
struct PrimeCount {
  int primes = 1;
  double log2_chance = 0;
  bool within_reach = true;
};

/// The product of k primes above 2^24 exceeds 2^bits.
PrimeCount primes_for_certainty(const NetworkHeights& heights) {
  const Index count = std::max<Index>(0, heights.bits) / (residue_prime_bits - 1) + 1;
  if (count > most_primes) return {1, 0, false};
  return {static_cast<int>(count), -std::numeric_limits<double>::infinity(), true};
}

/// passes * queries * (chance of one prime)^k <= 2^-100.
PrimeCount primes_for_chance(const NetworkHeights& heights, double log2_passes) {
  const double divisors = static_cast<double>(std::max<Index>(0, heights.bits) / (residue_prime_bits - 1));
  const double chance = divisors / residue_primes + std::ldexp(2.0 * heights.degree, 1 - residue_prime_bits);
  const double log2_chance = std::log2(std::max(chance, 0x1p-40)), log2_queries = std::log2(heights.queries);
  const double count = std::ceil((100 + log2_passes + log2_queries) / -log2_chance);
  if (!(chance < 0.5) || count > most_primes) return {1, 0, false};
  // The last term is for the rounding of all this.
  return {static_cast<int>(count), log2_queries + count * log2_chance + 0x1p-10, true};
}

/// Numbers are divided by the sizes of windows, ties and batches, which no prime may divide.
void check_sizes(const Graph& graph, Index images) {
  for (const Node& node : graph.nodes()) {
    if (node.inputs.empty()) continue;
    const Shape& x = graph.node(node.inputs[0]).shape;
    const Window* window = pooling_window(node.op);
    Index size = window ? window->kernel_h * window->kernel_w : 1;
    if (std::holds_alternative<GlobalAvgPool>(node.op)) size = x[1] * x[2];
    if (std::holds_alternative<BatchNorm>(node.op)) size = images * (element_count(x) / x[0]);
    if (size >= Index{1} << (residue_prime_bits - 1)) {
      throw UsageError(
          fmt::format("layer {}: residues cannot divide by {}, only by less than 2^24", node.name, size));
    }
  }
}

}  // namespace

void ResiduePass::advance(NodeId through, const std::vector<LayerBranches>& branches) {
  forward_->advance(through, branches);
}

NodeId ResiduePass::reached() const {
  return forward_->reached();
}

int ResiduePass::primes() const {
  return forward_->primes();
}

/// What congruence, or the lack of it, says of numbers that node's unknowns may be part of.
Equality ResiduePass::verdict(NodeId node, bool congruent) const {
  const bool unknowns = heights_->nodes[static_cast<std::size_t>(node)].degree > 0;
  if (!congruent) return unknowns ? Equality::unproven : Equality::different;
  return within_reach_ && !(certain_ && unknowns) ? Equality::equal : Equality::unproven;
}

Equality ResiduePass::equal(NodeId node, Index i, Index j) const {
  assert(node <= reached());
  const ResidueTensor& value = forward_->value(node);
  const Index size = value.entries / value.images();
  if (!forward_->is_defined(node, i / size) || !forward_->is_defined(node, j / size))
    return Equality::unproven;
  bool congruent = true;
  for (int k = 0; k < primes() && congruent; ++k) congruent = value.plane(k)[i] == value.plane(k)[j];
  return verdict(node, congruent);
}

Equality ResiduePass::equal_to(NodeId node, Index i, double constant) const {
  assert(node <= reached());
  const ResidueTensor& value = forward_->value(node);
  if (!forward_->is_defined(node, i / (value.entries / value.images()))) return Equality::unproven;
  bool congruent = true;
  for (int k = 0; k < primes() && congruent; ++k) {
    congruent = value.plane(k)[i] == forward_->field(k).from(constant);
  }
  const Height difference = sum(heights_->nodes[static_cast<std::size_t>(node)], Height::of(constant));
  if (congruent && difference.bits() > heights_->bits) return Equality::unproven;
  return verdict(node, congruent);
}

bool ResiduePass::has_unknowns() const {
  for (const Height& h : heights_->nodes) {
    if (h.degree > 0) return true;
  }
  return false;
}

Equality ResiduePass::choices_agree(const std::vector<int>& labels, const std::vector<Index>& images) const {
  const Graph& graph = forward_->graph();
  assert(reached() == graph.output());
  for (const Index n : images) {
    if (!forward_->is_defined(graph.output(), n)) return Equality::unproven;
  }
  const bool unknowns = has_unknowns();
  if (certain_ && unknowns) return Equality::unproven;
  const SoftmaxTest test{labels, images, certain_ ? WeightTest::full : WeightTest::projected};
  if (gradients_vanish(*forward_, choices_, test)) {
    return within_reach_ ? Equality::equal : Equality::unproven;
  }
  const bool rational = graph.loss() == Loss::output || images.size() == 1;
  return rational && !unknowns ? Equality::different : Equality::unproven;
}

ResidueEvaluator::ResidueEvaluator(const Graph& graph, const Parameters& parameters, ResidueOptions options)
    : options_(options) {
  validate(graph, parameters);
  network_ = std::make_shared<const ResidueNetwork>(graph, parameters, options.seed, options.device);
}

ResiduePass ResidueEvaluator::start(const MiniBatch& batch, const std::vector<Choice>& choices) const {
  const Graph& graph = network_->graph();
  validate(graph, batch);
  check_sizes(graph, batch.size());
  auto heights =
      std::make_shared<const NetworkHeights>(network_heights(graph, network_->heights(), batch, choices));
  ResiduePass pass;
  pass.certain_ = options_.test == ResidueOptions::Test::certain;
  const PrimeCount count =
      pass.certain_ ? primes_for_certainty(*heights) : primes_for_chance(*heights, options_.log2_passes);
  pass.within_reach_ = count.within_reach;
  pass.log2_chance_ = count.log2_chance;
  pass.forward_ = std::make_shared<ResidueForward>(network_, network_->fields(count.primes), batch.x);
  pass.heights_ = std::move(heights);
  pass.choices_ = choices;
  return pass;
}

}  // namespace gradzone
