// gradzone's zones against an exact oracle on thousands of random networks: every verdict, every branch
// count, every proven bound. The oracle shares no code with the library's reference evaluation.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>

#include "../support/exact_oracle.hpp"
#include "../support/random_net.hpp"
#include "../support/small_graphs.hpp"
#include "gradzone/zones/auditor.hpp"

namespace gradzone::support {
namespace {

int scaled(int count) {
  const char* scale = std::getenv("GRADZONE_TEST_SCALE");
  return scale ? static_cast<int>(count * std::atof(scale)) : count;
}

/// Ties and zeros of one layer, counted from its branches.
struct Counts {
  Index positive = 0, zero = 0, negative = 0, zeros = 0;
};

Counts count_branches(const Graph& graph, const LayerBranches& layer) {
  Counts counts;
  if (!std::holds_alternative<MaxPool2d>(graph.node(layer.node).op)) {
    for (const std::uint8_t code : layer.codes) counts.zeros += code % 2;
    return counts;
  }
  const std::size_t window = layer.codes.size() / layer.signs.size();
  for (std::size_t o = 0; o < layer.signs.size(); ++o) {
    const auto begin = layer.codes.begin() + static_cast<std::ptrdiff_t>(o * window);
    if (std::count(begin, begin + static_cast<std::ptrdiff_t>(window), 1) < 2) continue;
    (layer.signs[o] > 0 ? counts.positive : layer.signs[o] < 0 ? counts.negative : counts.zero) += 1;
  }
  return counts;
}

/// Windows whose argmax set `set` is a tie and has an entry that `other` lacks.
Index ties_beyond(const LayerBranches& set, const LayerBranches& other) {
  Index count = 0;
  const std::size_t window = set.codes.size() / set.signs.size();
  for (std::size_t o = 0; o < set.signs.size(); ++o) {
    int members = 0;
    bool beyond = false;
    for (std::size_t k = o * window; k < (o + 1) * window; ++k) {
      members += set.codes[k];
      beyond |= set.codes[k] > other.codes[k];
    }
    count += members > 1 && beyond;
  }
  return count;
}

/// What the float runs of all choices say: Delta_F and the paper's statistics, computed again.
struct FloatFacts {
  double inf = 0, l1 = 0, stat_inf = 0, stat_l1 = 0;
  bool finite = true;
};

FloatFacts float_facts(const std::vector<FloatRun>& runs) {
  FloatFacts facts;
  for (std::size_t s = 0; s < runs.size(); ++s)
    for (std::size_t t = s + 1; t < runs.size(); ++t) {
      double largest = 0, sum = 0, sum_of_largest = 0;
      for (std::size_t p = 0; p < runs[s].gradient.size(); ++p) {
        double tensor_largest = 0;
        for (std::size_t i = 0; i < runs[s].gradient[p].data.size(); ++i) {
          const double a = runs[s].gradient[p].data[i], b = runs[t].gradient[p].data[i];
          facts.finite &= std::isfinite(a) && std::isfinite(b);
          tensor_largest = std::max(tensor_largest, std::fabs(a - b));
          sum += std::fabs(a - b);
        }
        largest = std::max(largest, tensor_largest);
        sum_of_largest += tensor_largest;
      }
      facts.inf = std::max(facts.inf, largest);
      facts.l1 = std::max(facts.l1, sum);
      facts.stat_inf = std::max(facts.stat_inf, sum_of_largest);
      facts.stat_l1 = std::max(facts.stat_l1, sum);
    }
  return facts;
}

/// The largest difference of any entry between two of the gradients.
Decimal largest_difference(const ExactOracle& oracle, const std::vector<Jacobian>& jacobians) {
  std::vector<std::vector<Decimal>> gradients;
  for (const Jacobian& j : jacobians) gradients.push_back(oracle.gradient(j));
  Decimal largest = 0;
  for (std::size_t s = 0; s < gradients.size(); ++s)
    for (std::size_t t = s + 1; t < gradients.size(); ++t)
      for (std::size_t i = 0; i < gradients[s].size(); ++i) {
        largest = std::max(largest, Decimal(abs(gradients[s][i] - gradients[t][i])));
      }
  return largest;
}

/// One point seen from both sides.
class Check {
 public:
  explicit Check(const RandomNet& net)
      : net_(net), graph_(net.graph.with_scalars_of(net.format)), oracle_(graph_, net.parameters, net.batch) {
    for (const Choice& c : net.choices)
      jacobians_.push_back(oracle_.jacobian(round_to_scalars(c, net.format)));
    for (std::size_t s = 0; s < jacobians_.size(); ++s)
      for (std::size_t t = 0; t < s; ++t) {
        const Comparison c = oracle_.compare(jacobians_[s], jacobians_[t]);
        if (c == Comparison::different) truth_ = c;
        if (c == Comparison::equal_by_chance && truth_ == Comparison::equal) truth_ = c;
      }
  }

  Comparison truth() const { return truth_; }

  /// Audits the point and compares everything the oracle knows.
  PointRecord run() const {
    const Backend backend = net_.seed % 2 == 0 ? Backend::cpu : Backend::reference;
    const Format format{net_.format, Order::chain};
    const Auditor auditor(net_.graph, net_.parameters, {format, net_.form, net_.choices, {}, backend});
    const PointResult result = auditor.audit(net_.batch);
    std::vector<FloatRun> runs;
    const auto evaluator = make_float_evaluator(net_.graph, net_.parameters, format, Backend::reference);
    for (const Choice& c : net_.choices) runs.push_back(evaluator->run(net_.batch, c, net_.form));
    check_float(result.point, float_facts(runs));
    check_zone(result.point);
    check_real_bounds(result.point);
    check_branches(result, runs[0]);
    check_cause(result);
    return result.point;
  }

 private:
  void check_float(const PointRecord& point, const FloatFacts& facts) const {
    EXPECT_EQ(point.float_sees, !facts.finite || facts.inf != 0);
    if (!facts.finite) {
      EXPECT_EQ(point.delta_float_inf, std::numeric_limits<double>::infinity());
      return;
    }
    EXPECT_EQ(point.delta_float_inf, facts.inf);
    EXPECT_NEAR(point.delta_float_l1, facts.l1, 1e-12 * facts.l1);
    EXPECT_NEAR(point.stat_inf, facts.stat_inf, 1e-12 * facts.stat_inf);
    EXPECT_NEAR(point.stat_l1, facts.stat_l1, 1e-12 * facts.stat_l1);
  }

  void check_zone(const PointRecord& point) const {
    const Zone agreeing = point.float_sees ? Zone::compensation : Zone::regular;
    switch (truth_) {
      case Comparison::different:
        EXPECT_EQ(name(point.zone), std::string("bifurcation"));
        EXPECT_FALSE(point.witness.empty());
        EXPECT_TRUE(witness_differs(point.witness)) << point.witness;
        EXPECT_GT(point.delta_real_lower, 0);
        break;
      case Comparison::equal:
        EXPECT_EQ(name(point.zone), std::string(name(agreeing)));
        break;
      case Comparison::equal_by_chance:
        // zones.md (section 3) promises a proof only for samples of one softmax.
        EXPECT_TRUE(point.zone == agreeing || point.zone == Zone::undecided) << name(point.zone);
        break;
    }
    EXPECT_EQ(point.proof.empty(), point.zone == Zone::undecided);
    EXPECT_EQ(point.cause.empty(), point.zone != Zone::compensation);
    EXPECT_EQ(point.witness.empty(), point.zone != Zone::bifurcation);
  }

  /// Whether the named entry of the gradient depends on the choice.
  bool witness_differs(const std::string& witness) const {
    const std::size_t size = jacobians_[0][0].size();
    for (std::size_t i = 0; i < size; ++i) {
      if (parameter_entry(graph_, i) != witness) continue;
      for (std::size_t s = 1; s < jacobians_.size(); ++s) {
        if (oracle_.compare(column(jacobians_[0], i), column(jacobians_[s], i)) == Comparison::different)
          return true;
      }
      return false;
    }
    return false;
  }

  static Jacobian column(const Jacobian& jacobian, std::size_t i) {
    Jacobian out;
    for (const auto& row : jacobian) out.push_back({row[i]});
    return out;
  }

  void check_real_bounds(const PointRecord& point) const {
    EXPECT_LE(point.delta_real_lower, point.delta_real_upper);
    if (truth_ == Comparison::equal) {
      EXPECT_EQ(point.delta_real_lower, 0);
      EXPECT_EQ(point.delta_real_upper, 0);
      return;
    }
    const Decimal delta = largest_difference(oracle_, jacobians_);
    const Decimal slack = delta * Decimal("1e-250") + Decimal("1e-250");
    EXPECT_LE(Decimal(point.delta_real_lower), delta + slack);
    if (std::isfinite(point.delta_real_upper)) {
      EXPECT_GE(Decimal(point.delta_real_upper), delta - slack);
    }
    if (truth_ == Comparison::different) {
      EXPECT_LT(point.delta_real_upper - point.delta_real_lower, 1e-6 * point.delta_real_upper)
          << "loose bounds";
    }
  }

  void check_branches(const PointResult& result, const FloatRun& run) const {
    ASSERT_EQ(result.branches.size(), oracle_.branches().size());
    for (std::size_t k = 0; k < result.branches.size(); ++k) {
      const BranchRecord& record = result.branches[k];
      const LayerBranches &real = oracle_.branches()[k], &floating = run.branches[k];
      SCOPED_TRACE(record.layer);
      EXPECT_EQ(record.layer, graph_.node(real.node).name);
      EXPECT_EQ(record.op, operation_name(graph_.node(real.node).op));
      EXPECT_EQ(record.windows,
                static_cast<Index>(real.signs.empty() ? real.codes.size() : real.signs.size()));
      const Counts in_reals = count_branches(graph_, real);
      EXPECT_EQ(record.real_ties_positive, in_reals.positive);
      EXPECT_EQ(record.real_ties_zero, in_reals.zero);
      EXPECT_EQ(record.real_ties_negative, in_reals.negative);
      EXPECT_EQ(record.real_zeros, in_reals.zeros);
      EXPECT_EQ(record.unknown, 0);
      if (net_.form == Form::composed) continue;  // the float forward pass then depends on the choice
      const Counts in_floats = count_branches(graph_, floating);
      EXPECT_EQ(record.float_ties_positive, in_floats.positive);
      EXPECT_EQ(record.float_ties_zero, in_floats.zero);
      EXPECT_EQ(record.float_ties_negative, in_floats.negative);
      EXPECT_EQ(record.float_zeros, in_floats.zeros);
      if (real.signs.empty()) continue;
      EXPECT_EQ(record.false_ties, ties_beyond(floating, real));
      EXPECT_EQ(record.lost_ties, ties_beyond(real, floating));
    }
  }

  /// A cause must at least be possible.
  void check_cause(const PointResult& result) const {
    const PointRecord& point = result.point;
    if (point.zone != Zone::compensation) return;
    static const std::set<std::string> known{"rounding", "false tie", "lost tie", "cancellation",
                                             "non-finite"};
    EXPECT_TRUE(known.contains(point.cause)) << point.cause;
    if (net_.form == Form::composed) return;
    EXPECT_NE(point.cause, "cancellation");
    for (const BranchRecord& layer : result.branches) {
      if (layer.layer != point.cause_layer) continue;
      const bool more = layer.false_ties > 0 || layer.float_zeros > 0;
      const bool fewer = layer.lost_ties > 0 || layer.real_zeros > 0;
      EXPECT_TRUE(point.cause != "false tie" || more);
      EXPECT_TRUE(point.cause != "lost tie" || fewer);
    }
  }

  const RandomNet& net_;
  Graph graph_;
  ExactOracle oracle_;
  std::vector<Jacobian> jacobians_;
  Comparison truth_ = Comparison::equal;
};

TEST(Zones, AreThoseOfTheExactOracle) {
  std::map<std::string, int> zones, causes, operations, proofs, formats;
  int irrational = 0, checked = 0;
  for (std::uint64_t seed = 0; checked < scaled(4000) && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed);
    SCOPED_TRACE(net.describe());
    try {
      const Check check(net);
      const PointRecord point = check.run();
      ++zones[name(point.zone)];
      ++causes[point.cause];
      ++proofs[point.proof];
      ++formats[std::string(name(net.format))];
      for (const Node& node : net.graph.nodes()) ++operations[std::string(operation_name(node.op))];
      ++checked;
    } catch (const NotRational&) {
      ++irrational;
    }
  }
  if (HasFailure() || checked < 3000) return;
  for (const Zone zone : {Zone::regular, Zone::bifurcation, Zone::compensation})
    EXPECT_GE(zones[name(zone)], 20) << name(zone);
  for (const char* cause : {"rounding", "false tie", "lost tie", "cancellation", "non-finite"}) {
    EXPECT_GE(causes[cause], 1) << cause;
  }
  for (const char* proof : {"branches", "structure", "enclosure", "exact"})
    EXPECT_GE(proofs[proof], 1) << proof;
  EXPECT_EQ(formats.size(), all_formats.size());
  EXPECT_EQ(operations.size(), 17u);
  EXPECT_LT(irrational, checked / 10);
  for (const auto* counts : {&zones, &causes, &proofs}) {
    for (const auto& [key, count] : *counts) RecordProperty(key.empty() ? "none" : key, count);
  }
}

}  // namespace
}  // namespace gradzone::support
