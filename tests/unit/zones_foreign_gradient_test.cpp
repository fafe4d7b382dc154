// Foreign gradients on a small network: ours with a defect each, ours in other orders, and points at which
// the choices differ.
#include <gtest/gtest.h>

#include <cmath>

#include "gradzone/nets/initialise.hpp"
#include "gradzone/zones/foreign_gradient.hpp"

namespace gradzone {
namespace {

Graph small_net() {
  GraphBuilder net("small", {1, 6, 6});
  net.then("conv", Conv2d{1, 4, Window::square(3, 1)});
  net.then("relu", Activation{});
  net.then("pool", MaxPool2d{Window::square(2, 2), {}});
  net.then("flatten", Flatten{});
  net.then("hidden", Linear{16, 16});
  net.then("hidden_relu", Activation{});
  net.then("out", Linear{16, 3});
  return net.build(Loss::cross_entropy);
}

AuditOptions audit_in(Format format) {
  return {format, Form::direct, parse_choices("native,minimal"), {}, Backend::cpu};
}

MiniBatch images(Index n) {
  MiniBatch out{Tensor<double>({n, 1, 6, 6}), {}};
  for (Index i = 0; i < out.x.size(); ++i)
    out.x[i] = static_cast<float>(std::sin(static_cast<double>(i * i)));
  for (Index k = 0; k < n; ++k) out.labels.push_back(static_cast<int>(k % 3));
  return out;
}

class ForeignGradientTest : public testing::Test {
 protected:
  static constexpr Index batch_size = 4;

  ForeignGradientTest() { foreign.gradient = ours({FormatId::fp32, Order::lanes16}).gradient; }

  FloatRun ours(Format format) const {
    return make_float_evaluator(graph, parameters, format)->run(batch, Choice{}, Form::direct);
  }
  Tensor<double>& tensor(const std::string& name) {
    for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
      if (graph.parameters()[p].name == name) return foreign.gradient[p];
    }
    throw std::logic_error("there is no tensor " + name);
  }
  JudgedGradient judged() const {
    return GradientJudge(graph, parameters, audit_in({})).judge(batch, foreign);
  }
  /// The one tensor that is wrong, with its reason.
  void expect_wrong(const std::string& name, const std::string& reason) const {
    const JudgedGradient found = judged();
    EXPECT_EQ(found.judgement, Judgement::wrong);
    EXPECT_FALSE(found.common_factor);
    for (const JudgedTensor& t : found.tensors) {
      const bool is_it = t.errors.tensor == name;
      EXPECT_EQ(t.judgement, is_it ? Judgement::wrong : Judgement::ok) << t.errors.tensor << ": " << t.reason;
      EXPECT_EQ(t.reason, is_it ? reason : "");
    }
  }

  Graph graph = small_net();
  Parameters parameters = initialise(graph, Initialisation::torch, 3);
  MiniBatch batch = images(batch_size);
  ForeignGradient foreign;
};

TEST_F(ForeignGradientTest, OtherOrdersAreOk) {
  for (const FormatId id : {FormatId::fp32, FormatId::fp64}) {
    for (const Order order : all_orders) {
      foreign.gradient = ours({id, order}).gradient;
      const JudgedGradient found = judged();
      EXPECT_EQ(found.judgement, Judgement::ok) << full_name({id, order});
      EXPECT_EQ(found.tensors.size(), 6u);
      EXPECT_EQ(found.whole.tensor, "*");
      EXPECT_GE(found.whole.bits_median, 20);
    }
  }
}

TEST_F(ForeignGradientTest, AScaledTensorIsFoundAndNamed) {
  for (double& x : tensor("hidden.weight").data) x *= 1.01;
  expect_wrong("hidden.weight", "scaled by 1.0100");
}

TEST_F(ForeignGradientTest, AFlippedSignIsFoundAndNamed) {
  Tensor<double>& weight = tensor("conv.weight");
  weight[13] *= -1;
  expect_wrong("conv.weight", "1 sign flipped, first at conv.weight[13]");
}

TEST_F(ForeignGradientTest, ATransposedTensorIsFoundAndNamed) {
  Tensor<double>& weight = tensor("hidden.weight");
  const Tensor<double> right = weight;
  for (Index i = 0; i < 16; ++i)
    for (Index j = 0; j < 16; ++j) weight[i * 16 + j] = right[j * 16 + i];
  expect_wrong("hidden.weight", "transposed: axes 0 and 1 are exchanged");
}

TEST_F(ForeignGradientTest, ADetachedTensorIsFoundAndNamed) {
  tensor("conv.bias") = Tensor<double>({4});
  expect_wrong("conv.bias", "all zero: detached, or never reached?");
}

TEST_F(ForeignGradientTest, ANanIsFoundAndNamed) {
  tensor("out.bias")[2] = std::nan("");
  expect_wrong("out.bias", "NaN or infinity, first at out.bias[2]");
}

TEST_F(ForeignGradientTest, WeightDecayIsFoundAndNamed) {
  Tensor<double>& weight = tensor("hidden.weight");
  for (Index i = 0; i < weight.size(); ++i) weight[i] += 5e-4 * parameters[2][i];
  expect_wrong("hidden.weight", "0.0005 times the parameters is added: weight decay?");
}

TEST_F(ForeignGradientTest, AnImageThatIsMissingIsFound) {
  MiniBatch three = batch;
  three.labels.pop_back();
  three.x = Tensor<double>(
      {3, 1, 6, 6}, std::vector<double>(batch.x.data.begin(), batch.x.data.begin() + std::ptrdiff_t{3 * 36}));
  foreign.gradient =
      make_float_evaluator(graph, parameters, Format{})->run(three, Choice{}, Form::direct).gradient;
  const JudgedGradient found = judged();
  EXPECT_EQ(found.judgement, Judgement::wrong);
  EXPECT_FALSE(found.common_factor);
  for (const JudgedTensor& t : found.tensors)
    EXPECT_EQ(t.defect.kind, Defect::Kind::other) << t.errors.tensor;
}

TEST_F(ForeignGradientTest, AFactorOfAllTensorsIsSaidOnce) {
  for (Tensor<double>& t : foreign.gradient)
    for (double& x : t.data) x *= batch_size;
  const JudgedGradient found = judged();
  EXPECT_EQ(found.judgement, Judgement::wrong);
  ASSERT_TRUE(found.common_factor);
  EXPECT_NEAR(*found.common_factor, 4, 1e-4);
  EXPECT_EQ(factor_text(*found.common_factor, batch_size),
            "4 times too large: the sum over the batch instead of the mean?");
}

TEST_F(ForeignGradientTest, ZerosThatAreRightHaveEveryFactor) {
  for (double& x : parameters[0].data) x = 0;  // a dead layer: no derivative passes its ReLU
  for (double& x : parameters[1].data) x = -1;
  foreign.gradient = ours({FormatId::fp32, Order::lanes16}).gradient;
  EXPECT_EQ(judged().judgement, Judgement::ok);
  for (Tensor<double>& t : foreign.gradient)
    for (double& x : t.data) x *= batch_size;
  const JudgedGradient found = judged();
  ASSERT_TRUE(found.common_factor);
  EXPECT_NEAR(*found.common_factor, 4, 1e-4);
}

TEST_F(ForeignGradientTest, TensorsThatAreNotThereAreNotJudged) {
  tensor("hidden.weight") = {};
  const JudgedGradient found = judged();
  EXPECT_EQ(found.judgement, Judgement::ok);
  EXPECT_EQ(found.tensors.size(), 5u);
}

TEST_F(ForeignGradientTest, LogitsTellThatItIsThePoint) {
  foreign.logits = ours({FormatId::fp32, Order::pairwise}).logits;
  EXPECT_EQ(judged().judgement, Judgement::ok);
  (*foreign.logits)[7] += 1e-3;
  const JudgedGradient found = judged();
  EXPECT_EQ(found.judgement, Judgement::other_point);
  ASSERT_TRUE(found.logits);
  EXPECT_EQ(found.logits->image, 2);
  EXPECT_EQ(found.logits->logit, 1);
  EXPECT_NEAR(found.logits->error, 1e-3, 1e-6);
  for (const JudgedTensor& t : found.tensors) EXPECT_EQ(t.judgement, Judgement::open);
}

/// Weights (1, 2) on the patches (2, 1) and (0, 2), both 4: a tie of different patches (worked example 4).
class TieOfPatches : public testing::Test {
 protected:
  TieOfPatches() {
    GraphBuilder net("tie", {1, 2, 2});
    net.then("conv", Conv2d{1, 1, {1, 2, 1, 1, 0, 0, 0, 0}, false});
    net.then("pool", MaxPool2d{{2, 1, 1, 1, 0, 0, 0, 0}, {}});
    net.then("flatten", Flatten{});
    net.then("out", Linear{1, 2, false});
    graph = net.build(Loss::cross_entropy);
    parameters = {Tensor<double>({1, 1, 1, 2}, {1, 2}), Tensor<double>({2, 1}, {0.5, 0.25})};
  }

  JudgedGradient judged(const Choice& choice, FormatId format = FormatId::fp32) const {
    const FloatRun run =
        make_float_evaluator(graph, parameters, {format, Order::pairwise})->run(batch, choice, Form::direct);
    return GradientJudge(graph, parameters, audit_in({format})).judge(batch, {run.gradient, run.logits});
  }

  Graph graph;
  Parameters parameters;
  MiniBatch batch{Tensor<double>({1, 1, 2, 2}, {2, 1, 0, 2}), {1}};
};

TEST_F(TieOfPatches, TellsTheChoice) {
  const JudgedGradient native = judged(Choice{}), minimal = judged(Choice{.maxpool_beta = 1});
  EXPECT_EQ(native.point.zone, Zone::bifurcation);
  EXPECT_EQ(native.answer, (ChoiceAnswer{ChoiceAnswer::Kind::told, 0}));
  EXPECT_EQ(minimal.answer, (ChoiceAnswer{ChoiceAnswer::Kind::told, 1}));
  EXPECT_EQ(native.judgement, Judgement::ok);
  EXPECT_EQ(minimal.judgement, Judgement::ok);
  // What the choice does not touch does not tell.
  EXPECT_EQ(native.tensors[1].answer.kind, ChoiceAnswer::Kind::unclear);
}

TEST_F(TieOfPatches, AThirdChoiceIsNone) {
  const JudgedGradient between = judged(Choice{.maxpool_beta = 0.5});
  EXPECT_EQ(between.answer.kind, ChoiceAnswer::Kind::neither);
  EXPECT_EQ(between.judgement, Judgement::wrong);
}

TEST_F(TieOfPatches, AJumpThatAllOfOurOrdersMakeIsRounding) {
  parameters[0].data = {1, 1};
  batch.x.data = {0x1p-12, 1, 1, 0};  // 1 + 2^-12 against 1: a tie in fp16 alone
  const JudgedGradient minimal = judged(Choice{.maxpool_beta = 1}, FormatId::fp16);
  EXPECT_EQ(minimal.point.zone, Zone::compensation);
  EXPECT_EQ(minimal.unstable_layer, "pool");
  EXPECT_EQ(minimal.answer, (ChoiceAnswer{ChoiceAnswer::Kind::told, 1}));
  EXPECT_EQ(minimal.judgement, Judgement::ok);
  // The right gradient is what either choice gives without that tie.
  const JudgedGradient native = judged(Choice{}, FormatId::fp16);
  EXPECT_EQ(native.answer.kind, ChoiceAnswer::Kind::unclear);
  EXPECT_EQ(native.judgement, Judgement::ok);
}

TEST_F(TieOfPatches, AFalseTieDoesNotExcuseWhatLiesBehindIt) {
  parameters[0].data = {1, 1};
  batch.x.data = {0x1p-12, 1, 1, 0};
  FloatRun run =
      make_float_evaluator(graph, parameters, {FormatId::fp16})->run(batch, Choice{}, Form::direct);
  run.gradient[1][0] *= -1;
  const JudgedGradient found =
      GradientJudge(graph, parameters, audit_in({FormatId::fp16})).judge(batch, {run.gradient, std::nullopt});
  EXPECT_EQ(found.tensors[1].judgement, Judgement::wrong);
  EXPECT_EQ(found.tensors[1].reason, "1 sign flipped, first at out.weight[0]");
}

TEST(ForeignGradient, AJumpThatSomeOrdersMakeIsExcused) {
  // 1 + (2^-11 + 2^-11) against 1: where every sum is rounded to fp16, a tie if the bias comes first.
  GraphBuilder net("late tie", {1, 2, 2});
  net.then("conv", Conv2d{1, 1, {1, 2, 1, 1, 0, 0, 0, 0}, true});
  net.then("pool", MaxPool2d{{2, 1, 1, 1, 0, 0, 0, 0}, {}});
  net.then("flatten", Flatten{});
  net.then("out", Linear{1, 2, false});
  const Graph graph = net.build(Loss::cross_entropy);
  const Parameters parameters{Tensor<double>({1, 1, 1, 2}, {1, 1}), Tensor<double>({1}, 1),
                              Tensor<double>({2, 1}, {0.5, 0.25})};
  const MiniBatch batch{Tensor<double>({1, 1, 2, 2}, {0x1p-11, 0x1p-11, 0, 0}), {1}};
  const Format tying{FormatId::fp16_strict, Order::bias_first};
  const FloatRun run =
      make_float_evaluator(graph, parameters, tying)->run(batch, Choice{.maxpool_beta = 1}, Form::direct);
  const JudgedGradient found = GradientJudge(graph, parameters, audit_in({FormatId::fp16_strict}))
                                   .judge(batch, {run.gradient, std::nullopt});
  EXPECT_EQ(found.unstable_layer, "pool");
  EXPECT_EQ(found.judgement, Judgement::branch);
  ASSERT_EQ(found.tensors.size(), 3u);
  EXPECT_EQ(found.tensors[0].judgement, Judgement::branch);
  EXPECT_EQ(found.tensors[2].judgement, Judgement::ok);
}

}  // namespace
}  // namespace gradzone
