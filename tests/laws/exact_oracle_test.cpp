// The oracle itself, on networks whose answers are worked out by hand.
#include "../support/exact_oracle.hpp"

#include <gtest/gtest.h>

#include "../support/random_net.hpp"
#include "../support/small_graphs.hpp"

namespace gradzone::support {
namespace {

const Choice native = parse_choice("native");
const Choice minimal = parse_choice("minimal");

/// The gradient of a graph with Loss::output.
std::vector<Rational> gradient(const Graph& graph, const Parameters& parameters, const MiniBatch& batch,
                               const Choice& choice) {
  const ExactOracle oracle(graph, parameters, batch);
  return oracle.exact_gradient(oracle.jacobian(choice));
}

TEST(ExactOracle, SharesATieAsTheChoiceSays) {
  // (w1, w2) = (1, 2) on the patches (2, 1) and (0, 2): both give 4.
  GraphBuilder b("patches", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(2, 2), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  const Graph graph = b.build(Loss::output);
  const Parameters w = parameters_of(graph, {{1, 2}});
  const MiniBatch x = batch_of({1, 1, 1, 4}, {2, 1, 0, 2});
  EXPECT_EQ(gradient(graph, w, x, native), (std::vector<Rational>{2, 1}));
  EXPECT_EQ(gradient(graph, w, x, minimal), (std::vector<Rational>{1, Rational(3, 2)}));
  EXPECT_EQ(gradient(graph, w, x, parse_choice("beta=10")), (std::vector<Rational>{-8, 6}));
  const ExactOracle oracle(graph, w, x);
  ASSERT_EQ(oracle.branches().size(), 1u);
  EXPECT_EQ(oracle.branches()[0].codes, (std::vector<std::uint8_t>{1, 1}));
  EXPECT_EQ(oracle.branches()[0].signs, (std::vector<std::int8_t>{1}));
}

TEST(ExactOracle, LaysOutBranchesAsTheFloatEvaluatorDoes) {
  GraphBuilder b("kinks", {1, 2, 3});
  b.then("relu6", Activation{Activation::Kind::relu6});
  b.then("pool", MaxPool2d{{2, 2, 3, 3, 1, 1}, {}});
  b.then("norm", NormPool2d{row_window(2, 2)});
  const Graph graph = b.build(Loss::output);
  // after relu6: 0 3 6 / 0 0 6; the padded windows hold the corners (0, 0) and (0, 2): 0 and 6, of norm 6
  const ExactOracle oracle(graph, {}, batch_of({1, 1, 2, 3}, {-1, 3, 7, 0, -2, 6}));
  ASSERT_EQ(oracle.branches().size(), 3u);
  EXPECT_EQ(oracle.branches()[0].codes, (std::vector<std::uint8_t>{0, 2, 4, 1, 0, 3}));
  EXPECT_EQ(oracle.branches()[1].codes, (std::vector<std::uint8_t>{0, 0, 0, 1, 0, 0, 1, 0}));
  EXPECT_EQ(oracle.branches()[1].signs, (std::vector<std::int8_t>{0, 1}));
  EXPECT_EQ(oracle.branches()[2].codes, (std::vector<std::uint8_t>{0}));
  EXPECT_EQ(oracle.logits(), std::vector<Rational>{6});
}

TEST(ExactOracle, RefusesIrrationalRoots) {
  GraphBuilder b("root of two", {1, 1, 2});
  b.then("norm", NormPool2d{row_window(2, 2)});
  const Graph graph = b.build(Loss::output);
  EXPECT_THROW(ExactOracle(graph, {}, batch_of({1, 1, 1, 2}, {1, 1})), NotRational);
  EXPECT_EQ(ExactOracle(graph, {}, batch_of({1, 1, 1, 2}, {3, -4})).logits(), std::vector<Rational>{5});
}

TEST(ExactOracle, AppliesTheChainRuleThroughEveryLinearOperation) {
  // y = mean over 3 of (2 x + 1) - x . scale, by hand: d/dw = sum x / 3, d/db = 1, bn: weight 3 (x - 1) / 2
  // + 5.
  GraphBuilder b("linear operations", {1, 1, 3});
  const NodeId norm = b.then("bn", BatchNorm{1, 0.0, BatchNorm::Mode::evaluation});
  const NodeId conv = b.add("conv", Conv2d{1, 1, Window::square(1, 1), true}, {norm});
  b.add("sub", Add{true}, {conv, norm});
  b.then("avg", AvgPool2d{row_window(3, 3)});
  const Graph graph = b.build(Loss::output);
  const Parameters p = parameters_of(graph, {{3}, {5}, {1}, {4}, {2}, {1}});
  const MiniBatch x = batch_of({1, 1, 1, 3}, {1, 2, 4});
  // normalised (0, 1/2, 3/2); bn output (5, 13/2, 19/2), mean 7; y = 7 * 2 + 1 - 7 = 8
  const ExactOracle oracle(graph, p, x);
  EXPECT_EQ(oracle.logits(), std::vector<Rational>{8});
  // bn.weight: (2 - 1) * mean normalised = 2/3; bn.bias: 1; conv.weight: 7; conv.bias: 1
  EXPECT_EQ(oracle.exact_gradient(oracle.jacobian(native)), (std::vector<Rational>{Rational(2, 3), 1, 7, 1}));
}

TEST(ExactOracle, DifferentiatesBatchStatistics) {
  // Normalised training data has mean 0 whatever precedes the norm, so gradients of earlier scales vanish
  // (eps = 0).
  GraphBuilder b("training norm", {1, 1, 2});
  b.then("conv", Conv2d{1, 1, Window::square(1, 1), true});
  b.then("bn", BatchNorm{1, 0.0, BatchNorm::Mode::training});
  b.then("out", Conv2d{1, 1, row_window(2, 1), false});
  const Graph graph = b.build(Loss::output);
  const Parameters p = parameters_of(graph, {{2}, {7}, {3}, {5}, {0}, {1}, {1, 4}});
  const ExactOracle oracle(graph, p, batch_of({1, 1, 1, 2}, {1, 3}));
  EXPECT_EQ(oracle.logits(), std::vector<Rational>{-3 + 5 + 4 * (3 + 5)});
  EXPECT_EQ(oracle.exact_gradient(oracle.jacobian(native)), (std::vector<Rational>{0, 0, 3, 5, 2, 8}));
}

struct TiedLogits {
  Graph graph;
  Parameters parameters;
};

/// A convolution ties at 4 on two different patches; a linear layer makes two logits of that maximum.
TiedLogits tied_logits() {
  GraphBuilder b("tied logits", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(2, 2), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  b.then("flatten", Flatten{});
  b.then("fc", Linear{1, 2, true});
  Graph graph = b.build(Loss::cross_entropy);
  Parameters p = parameters_of(graph, {{1, 2}, {1, 1}, {0, 0}});
  return {std::move(graph), std::move(p)};
}

TEST(ExactOracle, SeesCrossEntropyCancelWhereTheMaximumEntersAllLogitsAlike) {
  TiedLogits net = tied_logits();
  const MiniBatch x = batch_of({1, 1, 1, 4}, {2, 1, 0, 2}, {0});
  {
    const ExactOracle oracle(net.graph, net.parameters, x);
    EXPECT_EQ(oracle.compare(oracle.jacobian(native), oracle.jacobian(minimal)), Comparison::equal);
  }
  net.parameters[1].data = {1, 2};
  const ExactOracle oracle(net.graph, net.parameters, x);
  EXPECT_EQ(oracle.compare(oracle.jacobian(native), oracle.jacobian(minimal)), Comparison::different);
}

TEST(ExactOracle, LetsSamplesOfOneSoftmaxCancel) {
  // Twice the same image with the two labels of two equal logits: p = (1/2, 1/2), the errors are opposite.
  TiedLogits net = tied_logits();
  net.parameters[1].data = {1, -1};
  net.parameters[2].data = {-4, 4};
  const MiniBatch both = batch_of({2, 1, 1, 4}, {2, 1, 0, 2, 2, 1, 0, 2}, {0, 1});
  const MiniBatch alone = batch_of({1, 1, 1, 4}, {2, 1, 0, 2}, {0});
  const ExactOracle pair(net.graph, net.parameters, both), single(net.graph, net.parameters, alone);
  EXPECT_EQ(pair.compare(pair.jacobian(native), pair.jacobian(minimal)), Comparison::equal);
  EXPECT_EQ(single.compare(single.jacobian(native), single.jacobian(minimal)), Comparison::different);
}

TEST(ExactOracle, NoticesCancellationBetweenDifferentSoftmaxes) {
  // A tie of different patches and a second feature s give the logits (s, -s). Samples s = 1, label 0 and s =
  // -1, label 1 have mirrored softmax vectors and opposite errors.
  GraphBuilder b("mirrored logits", {1, 1, 8});
  b.then("conv", Conv2d{1, 1, row_window(2, 2), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  b.then("flatten", Flatten{});
  b.then("fc", Linear{2, 2, true});
  const Graph graph = b.build(Loss::cross_entropy);
  const Parameters p = parameters_of(graph, {{1, 2}, {1, 1, -1, -1}, {-4, 4}});
  const MiniBatch x = batch_of({2, 1, 1, 8}, {2, 1, 0, 2, 1, 0, -9, 0, 2, 1, 0, 2, -1, 0, -9, 0}, {0, 1});
  const ExactOracle oracle(graph, p, x);
  EXPECT_EQ(oracle.logits(), (std::vector<Rational>{1, -1, -1, 1}));
  EXPECT_EQ(oracle.compare(oracle.jacobian(native), oracle.jacobian(minimal)), Comparison::equal_by_chance);
  const auto a = oracle.gradient(oracle.jacobian(native)), c = oracle.gradient(oracle.jacobian(minimal));
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_LT(abs(a[i] - c[i]), Decimal("1e-290"));
}

TEST(ExactOracle, AgreesWithFiniteDifferencesOfItsOwnForwardPass) {
  int checked = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    RandomNet net = random_net(seed, {.norms = true, .composed = false});
    try {
      const Choice choice = net.choices[0];
      const ExactOracle oracle(net.graph, net.parameters, net.batch);
      const auto rows = oracle.jacobian(choice);
      // Only where no kink is met: there both one-sided differences must tend to the derivative.
      const Unrolled<Rational> program(net.graph, numbers<Rational>(net.parameters),
                                       numbers<Rational>(net.batch.x), net.batch.size(), Record::derivatives);
      if (program.meets_kink()) continue;
      const Decimal h("1e-100");
      std::size_t flat = 0;
      for (std::size_t p = 0; p < net.parameters.size(); ++p) {
        if (!net.graph.parameters()[p].trainable) continue;
        auto moved = numbers<Decimal>(net.parameters);
        moved[p][0] += h;
        const Unrolled<Decimal> there(net.graph, moved, numbers<Decimal>(net.batch.x), net.batch.size(),
                                      Record::values);
        for (std::size_t i = 0; i < oracle.logits().size(); ++i) {
          const Decimal slope = (there.logits()[i] - decimal(oracle.logits()[i])) / h;
          ASSERT_LT(abs(slope - decimal(rows[i][flat])), Decimal("1e-80")) << net.describe();
        }
        flat += net.parameters[p].data.size();
        ++checked;
      }
    } catch (const NotRational&) {
    }
  }
  EXPECT_GT(checked, 40);
}

}  // namespace
}  // namespace gradzone::support
