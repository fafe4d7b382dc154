// The balls of the reference evaluation contain the exact values: logits, loss and every gradient entry under
// every choice, on random networks with ties, zeros and far apart exponents.
#include <gtest/gtest.h>

#include <cstdlib>

#include "../support/decimal_ball.hpp"
#include "../support/exact_oracle.hpp"
#include "../support/random_net.hpp"
#include "../support/small_graphs.hpp"
#include "gradzone/exact/reference_evaluator.hpp"

namespace gradzone::support {
namespace {

using Integer = boost::multiprecision::number<boost::multiprecision::gmp_int, boost::multiprecision::et_off>;

Rational power_of_two(std::int64_t exponent) {
  const Integer power = Integer(1) << static_cast<unsigned>(exponent < 0 ? -exponent : exponent);
  return exponent < 0 ? Rational(Integer(1), power) : Rational(power);
}

/// A ball's midpoint and radius, exactly.
Rational midpoint(const Ball& ball) {
  if (ball.mid.is_zero()) return 0;
  Integer significand;
  const mpfr_exp_t exponent = mpfr_get_z_2exp(significand.backend().data(), ball.mid.get());
  return Rational(significand) * power_of_two(exponent);
}

Rational radius(const Ball& ball) {
  return Rational(ball.rad.mantissa()) * power_of_two(ball.rad.exponent());
}

bool contains(const Ball& ball, const Rational& x) {
  return ball.rad.is_infinite() || abs(midpoint(ball) - x) <= radius(ball);
}

/// Containment of a number known to about 290 digits relative to `scale`.
bool contains(const Ball& ball, const Decimal& x, const Decimal& scale) {
  return ball.rad.is_infinite() ||
         abs(decimal_midpoint(ball) - x) <= decimal_radius(ball) + scale * Decimal("1e-280");
}

int scaled(int count) {
  const char* scale = std::getenv("GRADZONE_TEST_SCALE");
  return scale ? static_cast<int>(count * std::atof(scale)) : count;
}

/// Everything of a verdict that the oracle can check; the point's numbers are taken in their format.
struct Checked {
  explicit Checked(const RandomNet& net, ReferenceOptions options = {})
      : graph(net.graph.with_scalars_of(net.format)), oracle(graph, net.parameters, net.batch) {
    for (const Choice& c : net.choices) choices.push_back(round_to_scalars(c, net.format));
    verdict = ReferenceEvaluator(graph, net.parameters, options).evaluate(net.batch, choices);
  }

  void expect_values_enclosed() const {
    ASSERT_EQ(verdict.logits.data.size(), oracle.logits().size());
    for (std::size_t i = 0; i < oracle.logits().size(); ++i) {
      EXPECT_TRUE(contains(verdict.logits.data[i], oracle.logits()[i])) << "logit " << i;
    }
    const Decimal loss = oracle.loss();
    EXPECT_TRUE(contains(verdict.loss, loss, abs(loss) + 1)) << "loss";
  }

  void expect_gradients_enclosed() const {
    ASSERT_EQ(verdict.gradients.size(), choices.size());
    for (std::size_t s = 0; s < choices.size(); ++s) {
      const Jacobian jacobian = oracle.jacobian(choices[s]);
      const auto balls = flattened(*verdict.gradients[s]);
      ASSERT_EQ(balls.size(), jacobian[0].size());
      graph.loss() == Loss::output ? expect_exact(balls, jacobian, s) : expect_decimal(balls, jacobian, s);
    }
  }

  /// A ball that is too wide is sound and of no use: none may be wider than 2^-40 of the largest number
  /// about.
  void expect_exact(const std::vector<Ball>& balls, const Jacobian& jacobian, std::size_t s) const {
    const auto exact = oracle.exact_gradient(jacobian);
    Rational largest = 1;
    for (const Rational& v : exact) largest = std::max(largest, Rational(abs(v)));
    for (std::size_t i = 0; i < balls.size(); ++i) {
      EXPECT_TRUE(contains(balls[i], exact[i]))
          << parameter_entry(graph, i) << " under " << choices[s].name();
      EXPECT_FALSE(balls[i].rad.is_infinite());
      EXPECT_TRUE(!narrow || radius(balls[i]) <= largest * power_of_two(-40));
    }
  }

  void expect_decimal(const std::vector<Ball>& balls, const Jacobian& jacobian, std::size_t s) const {
    const auto exact = oracle.gradient(jacobian);
    Decimal scale = 1;
    for (const auto& row : jacobian)
      for (const Rational& d : row) scale = std::max(scale, decimal(abs(d)));
    for (std::size_t i = 0; i < balls.size(); ++i) {
      EXPECT_TRUE(contains(balls[i], exact[i], scale))
          << parameter_entry(graph, i) << " under " << choices[s].name();
      EXPECT_FALSE(balls[i].rad.is_infinite());
      EXPECT_TRUE(!narrow || decimal_radius(balls[i]) <= scale * decimal(power_of_two(-40)));
    }
  }

  Graph graph;
  ExactOracle oracle;
  std::vector<Choice> choices;
  RealVerdict verdict;
  bool narrow = true;  ///< balls must also be of use, not only true
};

/// Runs `check(net)` on random networks until `count` of them are rational.
template <class Check>
void for_random_nets(int count, RandomNetOptions options, Check&& check) {
  std::uint64_t seed = 1'000'000;
  for (int done = 0; done < count && !::testing::Test::HasFailure(); ++seed) {
    const RandomNet net = random_net(seed, options);
    SCOPED_TRACE(net.describe());
    try {
      check(net);
      ++done;
    } catch (const NotRational&) {
    }
  }
}

TEST(Enclosures, ContainTheExactGradient) {
  for_random_nets(scaled(1500), {}, [](const RandomNet& net) {
    const Checked checked(net);
    checked.expect_values_enclosed();
    checked.expect_gradients_enclosed();
  });
}

TEST(Enclosures, ContainTheExactGradientWhereExponentsLieFarApart) {
  for_random_nets(scaled(500), {.exponent_spread = true}, [](const RandomNet& net) {
    Checked checked(net);
    checked.narrow = false;  // logits near 2^80 cancel
    checked.expect_values_enclosed();
    checked.expect_gradients_enclosed();
  });
}

TEST(Enclosures, ContainTheExactGradientFromTheFirstBitsOn) {
  // Few bits make wide balls; whatever is decided with them must still be true.
  for_random_nets(scaled(500), {}, [](const RandomNet& net) {
    const Checked checked(net, {.start_bits = 64, .max_bits = 64, .exact = true});
    checked.expect_values_enclosed();
    if (!checked.verdict.gradients.empty()) checked.expect_gradients_enclosed();
  });
}

TEST(Enclosures, WithoutExactMethodsAreUndecidedRatherThanWrong) {
  int undecided = 0;
  for_random_nets(scaled(500), {}, [&](const RandomNet& net) {
    const Checked checked(net, {.start_bits = 64, .max_bits = 256, .exact = false});
    bool differ = false;
    for (const Choice& c : checked.choices) {
      differ |= checked.oracle.compare(checked.oracle.jacobian(checked.choices[0]),
                                       checked.oracle.jacobian(c)) == Comparison::different;
    }
    EXPECT_NE(checked.verdict.agreement, differ ? Agreement::equal : Agreement::different);
    if (!checked.verdict.gradients.empty()) checked.expect_gradients_enclosed();
    undecided += checked.verdict.agreement == Agreement::undecided;
  });
  EXPECT_GT(undecided, 0);
}

/// Whether every operation takes dyadic numbers to dyadic numbers of few more bits.
bool is_dyadic(const RandomNet& net) {
  for (const Node& node : net.graph.nodes()) {
    if (std::holds_alternative<AvgPool2d>(node.op) || std::holds_alternative<GlobalAvgPool>(node.op))
      return false;
    if (std::holds_alternative<MaxPool2d>(node.op) && std::get<MaxPool2d>(node.op).pinned_beta) return false;
  }
  return net.graph.loss() == Loss::output;
}

TEST(Enclosures, HaveARadiusOnlyWhereSomethingWasRounded) {
  int entries = 0;
  for_random_nets(scaled(500), {.norms = false}, [&](RandomNet net) {
    if (!is_dyadic(net)) return;
    net.choices = {parse_choice("native"), parse_choice("native+relu=1+abs=1")};
    const Checked checked(net, {.start_bits = 4096});
    for (const auto& gradient : checked.verdict.gradients)
      for (const Ball& ball : flattened(*gradient)) {
        EXPECT_TRUE(ball.is_exact());
        ++entries;
      }
  });
  EXPECT_GT(entries, 100);
}

}  // namespace
}  // namespace gradzone::support
