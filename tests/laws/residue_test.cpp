// Residue fingerprints against exact rationals on random small networks: every answer that can be checked.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "../support/exact_oracle.hpp"
#include "../support/random_net.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/exact/fast/residue_evaluator.hpp"
#include "gradzone/exact/fast/residue_height.hpp"
#include "gradzone/exact/real_forward.hpp"
#include "gradzone/exact/reference_evaluator.hpp"

namespace gradzone::support {
namespace {

using Exact = RationalArithmetic::Number;

bool has_unknowns(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (std::holds_alternative<BatchNorm>(node.op) || std::holds_alternative<NormPool2d>(node.op))
      return true;
  }
  return false;
}

/// A random network as its format sees it, with the exact values of every node.
struct ExactNet {
  RandomNet net;
  Graph graph;
  std::vector<Choice> choices;
  RealForward<RationalArithmetic> forward;

  /// Throws gradzone::NotRational.
  explicit ExactNet(std::uint64_t seed, RandomNetOptions options = {})
      : net(random_net(seed, options)), graph(net.graph.with_scalars_of(net.format)) {
    for (const Choice& c : net.choices) choices.push_back(round_to_scalars(c, net.format));
    std::vector<Tensor<Exact>> parameters;
    for (const Tensor<double>& t : net.parameters) {
      Tensor<Exact>& q = parameters.emplace_back(t.shape);
      for (Index i = 0; i < t.size(); ++i) q[i] = RationalArithmetic::from(t[i]);
    }
    forward = real_forward(RationalArithmetic(),
                           {graph, net.batch, kink_rules(graph, choices), nullptr, true}, parameters);
  }

  ResiduePass start(ResidueOptions options) const {
    return ResidueEvaluator(graph, net.parameters, options).start(net.batch, choices);
  }
};

/// Calls check(net) for the networks of `count` seeds whose values are rational.
template <class Check>
void for_random_nets(std::uint64_t first, std::uint64_t count, RandomNetOptions options, Check&& check) {
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    try {
      const ExactNet exact(seed, options);
      SCOPED_TRACE(exact.net.describe());
      check(exact);
      if (testing::Test::HasFatalFailure()) return;
    } catch (const gradzone::NotRational&) {
    }
  }
}

/// How often each answer was given, by whether it is true.
struct Tally {
  std::map<std::pair<Equality, bool>, int> count;

  /// An answer about two numbers, which may involve unknowns.
  void check(Equality answer, bool truth, bool decidable) {
    ++count[{answer, truth}];
    ASSERT_FALSE(answer == Equality::equal && !truth);
    ASSERT_FALSE(answer == Equality::different && truth);
    ASSERT_FALSE(answer == Equality::unproven && decidable);
  }
  int of(Equality answer, bool truth) { return count[{answer, truth}]; }
};

/// Compares entries of every node, evaluated one node at a time.
void check_entries(const ExactNet& exact, ResidueOptions options, Tally& tally) {
  RandomStream random(exact.net.seed, "residue test");
  ResiduePass pass = exact.start(options);
  bool unknowns = false;
  for (NodeId id = 0; id <= exact.graph.output(); ++id) {
    const Node& node = exact.graph.node(id);
    pass.advance(id, exact.forward.branches);
    ASSERT_EQ(pass.reached(), id);
    unknowns |= std::holds_alternative<BatchNorm>(node.op) || std::holds_alternative<NormPool2d>(node.op);
    const Tensor<Exact>& values = exact.forward.values[static_cast<std::size_t>(id)];
    const auto size = static_cast<std::uint64_t>(values.size());
    for (int k = 0; k < 60; ++k) {
      const Index i = static_cast<Index>(random.below(size)), j = static_cast<Index>(random.below(size));
      tally.check(pass.equal(id, i, j), values[i] == values[j], !unknowns);
      for (const double constant : {0.0, 6.0, static_cast<double>(values[j])}) {
        const bool truth = values[i] == RationalArithmetic::from(constant);
        tally.check(pass.equal_to(id, i, constant), truth, !unknowns && (constant == 0 || constant == 6));
      }
      if (testing::Test::HasFatalFailure()) return;
    }
  }
  EXPECT_LE(pass.log2_chance(), -100);
}

TEST(Residues, CallEntriesEqualExactlyWhereTheRationalsAre) {
  Tally tally;
  for_random_nets(0, 500, {}, [&](const ExactNet& exact) { check_entries(exact, {exact.net.seed}, tally); });
  EXPECT_GT(tally.of(Equality::equal, true), 50'000);
  EXPECT_GT(tally.of(Equality::different, false), 50'000);
}

TEST(Residues, CallEntriesEqualExactlyWhereTheRationalsAreThoughExponentsSpread) {
  Tally tally;
  for_random_nets(10'000, 200, {.norms = false, .exponent_spread = true},
                  [&](const ExactNet& exact) { check_entries(exact, {1}, tally); });
  EXPECT_GT(tally.of(Equality::equal, true), 10'000);
}

TEST(Residues, CertainModeLeavesNoChanceAndFindsTheSame) {
  Tally tally;
  for_random_nets(20'000, 150, {}, [&](const ExactNet& exact) {
    const ResidueOptions options{5, ResidueOptions::Test::certain};
    EXPECT_EQ(exact.start(options).log2_chance(), -std::numeric_limits<double>::infinity());
    check_entries(exact, options, tally);
  });
  EXPECT_GT(tally.of(Equality::equal, true), 10'000);
}

/// Every image, and then each alone.
std::vector<std::vector<Index>> subsets(Index images) {
  std::vector<std::vector<Index>> out(1);
  for (Index n = 0; n < images; ++n) out[0].push_back(n);
  for (Index n = 0; n < images && images > 1; ++n) out.push_back({n});
  return out;
}

MiniBatch chosen(const MiniBatch& batch, const std::vector<Index>& images) {
  const Index size = batch.x.size() / batch.size();
  MiniBatch out;
  out.x.shape = batch.x.shape;
  out.x.shape[0] = std::ssize(images);
  for (const Index n : images) {
    const auto begin = batch.x.data.begin() + n * size;
    out.x.data.insert(out.x.data.end(), begin, begin + size);
    if (!batch.labels.empty()) out.labels.push_back(batch.labels[static_cast<std::size_t>(n)]);
  }
  return out;
}

/// The worst that the oracle says of any two choices.
Comparison compare_choices(const ExactNet& exact, const MiniBatch& batch) {
  const ExactOracle oracle(exact.graph, exact.net.parameters, batch);
  std::vector<Jacobian> jacobians;
  for (const Choice& c : exact.choices) jacobians.push_back(oracle.jacobian(c));
  Comparison worst = Comparison::equal;
  for (std::size_t s = 0; s < jacobians.size(); ++s)
    for (std::size_t t = 0; t < s; ++t) worst = std::max(worst, oracle.compare(jacobians[s], jacobians[t]));
  return worst;
}

void check_choices(const ExactNet& exact, ResidueOptions options, Tally& tally) {
  ResiduePass pass = exact.start(options);
  pass.advance(exact.graph.output(), exact.forward.branches);
  const bool unknowns = has_unknowns(exact.graph);
  for (const std::vector<Index>& images : subsets(exact.net.batch.size())) {
    // Batch statistics are those of the whole batch.
    if (unknowns && std::ssize(images) < exact.net.batch.size()) continue;
    const Comparison truth = compare_choices(exact, chosen(exact.net.batch, images));
    const Equality answer = pass.choices_agree(exact.net.batch.labels, images);
    const bool rational = images.size() == 1 || exact.graph.loss() == Loss::output;
    ++tally.count[{answer, truth == Comparison::equal}];
    if (unknowns) {
      ASSERT_FALSE(answer == Equality::equal && truth != Comparison::equal);
      ASSERT_NE(answer, Equality::different);
    } else if (truth == Comparison::equal) {
      ASSERT_EQ(answer, Equality::equal);
    } else {
      ASSERT_EQ(answer, rational ? Equality::different : Equality::unproven);
    }
  }
}

TEST(Residues, JudgeTheAgreementOfChoicesAsTheRationalsDo) {
  Tally tally;
  for_random_nets(0, 5000, {}, [&](const ExactNet& exact) { check_choices(exact, {exact.net.seed}, tally); });
  EXPECT_GT(tally.of(Equality::equal, true), 1000);
  EXPECT_GT(tally.of(Equality::different, false), 150);
  EXPECT_GT(tally.of(Equality::unproven, false), 20);
}

TEST(Residues, JudgeTheAgreementOfChoicesInCertainModeAsTheRationalsDo) {
  Tally tally;
  for_random_nets(30'000, 2000, {.norms = false}, [&](const ExactNet& exact) {
    check_choices(exact, {2, ResidueOptions::Test::certain}, tally);
  });
  EXPECT_GT(tally.of(Equality::equal, true), 100);
  EXPECT_GT(tally.of(Equality::different, false), 50);
}

TEST(Residues, NeverCallEqualWhatEnclosuresTellApartBehindIrrationalRoots) {
  int apart = 0, equal = 0;
  for (std::uint64_t seed = 50'000; seed < 53'000; ++seed) {
    RandomNet net = random_net(seed);
    if (!has_unknowns(net.graph)) continue;
    SCOPED_TRACE(net.describe());
    RandomStream random(seed, "irrational");
    for (std::size_t p = 0; p < net.parameters.size(); ++p) {
      if (!net.graph.parameters()[p].name.ends_with("running_var")) continue;
      for (double& v : net.parameters[p].data) v = 0.5 + random.uniform();
    }
    if (seed % 2 == 0) {  // norms of windows, and batch statistics
      for (double& v : net.batch.x.data) v = std::ldexp(std::floor(random.uniform() * 5), -1);
    }
    const RealVerdict truth =
        ReferenceEvaluator(net.graph, net.parameters, {.max_bits = 256}).evaluate(net.batch, net.choices);
    ResiduePass pass = ResidueEvaluator(net.graph, net.parameters, {seed}).start(net.batch, net.choices);
    pass.advance(net.graph.output(), truth.branches);
    for (Index i = 0; i < truth.logits.size(); ++i)
      for (Index j = 0; j < i; ++j) {
        const Equality answer = pass.equal(net.graph.output(), i, j);
        const Certain<int> order = compare(truth.logits[i], truth.logits[j]);
        ASSERT_FALSE(answer == Equality::equal && order.is_known() && order.value() != 0);
        equal += answer == Equality::equal;
      }
    if (truth.agreement == Agreement::undecided) continue;
    const Equality agreement = pass.choices_agree(net.batch.labels, subsets(net.batch.size()).front());
    ASSERT_NE(agreement, truth.agreement == Agreement::different ? Equality::equal : Equality::different);
    apart += truth.agreement == Agreement::different;
    equal += agreement == Equality::equal;
  }
  EXPECT_GT(apart, 20);
  EXPECT_GT(equal, 300);
}

/// Of the numerator's odd part: no prime in question divides powers of two.
Index bits_of(const Exact& x) {
  if (x.is_zero()) return 0;
  const auto* numerator = mpq_numref(x.backend().data());
  return static_cast<Index>(mpz_sizeinbase(numerator, 2) - mpz_scan1(numerator, 0));
}

TEST(ResidueHeights, BoundTheNumeratorsOfEveryEntryDifferenceAndGradient) {
  for_random_nets(40'000, 400, {.norms = false, .exponent_spread = true}, [&](const ExactNet& exact) {
    std::vector<Height> parameters;
    for (const Tensor<double>& t : exact.net.parameters) parameters.push_back(Height::of(t));
    const NetworkHeights heights = network_heights(exact.graph, parameters, exact.net.batch, exact.choices);
    for (std::size_t id = 0; id < heights.nodes.size(); ++id) {
      const Tensor<Exact>& values = exact.forward.values[id];
      for (Index i = 0; i < values.size(); ++i) {
        ASSERT_LE(bits_of(values[i]), heights.nodes[id].bits() + 1);  // 2^b itself has b + 1 bits
        ASSERT_LE(bits_of(values[i] - values[values.size() - 1 - i]), heights.bits);
      }
    }
    const ExactOracle oracle(exact.graph, exact.net.parameters, exact.net.batch);
    const Jacobian first = oracle.jacobian(exact.choices.front()),
                   last = oracle.jacobian(exact.choices.back());
    for (std::size_t i = 0; i < first.size(); ++i)
      for (std::size_t p = 0; p < first[i].size(); ++p)
        ASSERT_LE(bits_of(first[i][p] - last[i][p]), heights.bits);
  });
}

}  // namespace
}  // namespace gradzone::support
