#include <gtest/gtest.h>

#include <cmath>

#include "gradzone/arith/formats.hpp"
#include "gradzone/train/trainer.hpp"

namespace gradzone {
namespace {

/// Two logits from two inputs, without bias: small enough to train by hand.
Graph two_by_two() {
  GraphBuilder net("two", {2});
  net.then("fc", Linear{2, 2, false});
  return net.build(Loss::cross_entropy);
}

/// The same behind a batch norm.
Graph normalised(BatchNorm::Mode mode) {
  GraphBuilder net("normalised", {2});
  net.then("bn", BatchNorm{.channels = 2, .mode = mode});
  net.then("fc", Linear{2, 2, false});
  return net.build(Loss::cross_entropy);
}

const std::vector<FormatId> every_format(all_formats.begin(), all_formats.end());

class TrainerOf : public testing::TestWithParam<FormatId> {
 protected:
  double stored(double x) const { return round_to_storage(GetParam(), x); }
  Recipe recipe(OptimiserOptions optimiser) const {
    return {GetParam(), Choice{}, Form::direct, optimiser, {}};
  }
};

INSTANTIATE_TEST_SUITE_P(Formats, TrainerOf, testing::ValuesIn(every_format), [](const auto& p) {
  return std::string(name(p.param) == "fp16-strict" ? "fp16_strict" : name(p.param));
});

// Equal logits: p = 1/2, so dz = (-1/2, 1/2) and the weights' gradient is dz x^T, exactly in every format.
TEST_P(TrainerOf, AStepOfSgdIsTheOneByHand) {
  const auto trainer =
      make_trainer(two_by_two(), {Tensor<double>({2, 2}, 0.0)}, recipe({.momentum = 0.5, .weight_decay = 0}));
  const Tensor<float> x({1, 2}, {1.0f, 2.0f});
  const StepResult first = trainer->step(x, {0}, 0.25);
  EXPECT_NEAR(first.loss, std::log(2.0), 0.002);
  EXPECT_EQ(first.correct, 1) << "of equal logits the first counts";
  EXPECT_TRUE(first.finite);
  EXPECT_EQ(trainer->parameters()[0].data, (std::vector<double>{0.125, 0.25, -0.125, -0.25}));
  const TrainerState state = trainer->state();
  ASSERT_EQ(state.optimiser.size(), 1u);
  EXPECT_EQ(state.optimiser[0].name, "momentum.fc.weight");
  EXPECT_EQ(state.optimiser[0].values.data, (std::vector<double>{-0.5, -1, 0.5, 1}));
  EXPECT_EQ(state.steps, 1);
}

// Adam's first step is rate * sign(g) up to epsilon; AdamW's is the same from shrunk weights.
TEST_P(TrainerOf, AFirstStepOfAdamIsTheRateAlongTheSign) {
  for (const OptimiserKind kind : {OptimiserKind::adam, OptimiserKind::adamw}) {
    const auto trainer =
        make_trainer(two_by_two(), {Tensor<double>({2, 2}, {0.5, 0, 0.5, 0})},
                     recipe({.kind = kind, .weight_decay = kind == OptimiserKind::adamw ? 0.5 : 0}));
    trainer->step(Tensor<float>({1, 2}, {1.0f, 2.0f}), {0}, 0.25);
    const double before = kind == OptimiserKind::adamw ? 0.5 * (1 - 0.25 * 0.5) : 0.5;
    const std::vector<double> expected{before + 0.25, 0.25, before - 0.25, -0.25};
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(trainer->parameters()[0].data[i], expected[i], 0.02) << name(kind) << ' ' << i;
  }
}

// x = (1, 3) and (-2, 2): mean 2 and 0, variance 1 and 4, unbiased 2 and 8.
TEST_P(TrainerOf, RunningStatisticsTakeATenthOfTheMiniBatchs) {
  const auto trainer =
      make_trainer(normalised(BatchNorm::Mode::training),
                   {Tensor<double>({2}, 1.0), Tensor<double>({2}, 0.0), Tensor<double>({2}, 0.0),
                    Tensor<double>({2}, 1.0), Tensor<double>({2, 2}, 0.0)},
                   recipe({}));
  const Tensor<float> x({2, 2}, {1.0f, -2.0f, 3.0f, 2.0f});
  double mean[] = {0, 0}, variance[] = {1, 1};
  const double tolerance =
      std::ldexp(4.0, -visit_format(GetParam(), [](auto f) { return decltype(f)::type::precision; }));
  for (int step = 0; step < 3; ++step) {
    trainer->step(x, {0, 1}, 0.25);
    const Parameters p = trainer->parameters();
    for (std::size_t c = 0; c < 2; ++c) {
      mean[c] = 0.1 * (c == 0 ? 2 : 0) + 0.9 * mean[c];
      variance[c] = 0.1 * (c == 0 ? 2 : 8) + 0.9 * variance[c];
      EXPECT_NEAR(p[2].data[c], mean[c], 3 * tolerance) << "step " << step << " channel " << c;
      EXPECT_NEAR(p[3].data[c], variance[c], 3 * tolerance * 4) << "step " << step << " channel " << c;
    }
  }
}

TEST_P(TrainerOf, EvaluationUsesTheRunningStatistics) {
  const auto trainer =
      make_trainer(normalised(BatchNorm::Mode::training),
                   {Tensor<double>({2}, 1.0), Tensor<double>({2}, 0.0), Tensor<double>({2}, {1, 0}),
                    Tensor<double>({2}, {4, 1}), Tensor<double>({2, 2}, {1, 0, -1, 0})},
                   recipe({}));
  // (5 - 1) / 2 = 2, up to eps: logits 2 and -2.
  const Score score = trainer->evaluate(Tensor<float>({1, 2}, {5.0f, 0.0f}), {1});
  EXPECT_NEAR(score.loss, 4 + std::log1p(std::exp(-4.0)), 0.016);
  EXPECT_EQ(score.correct, 0);
  EXPECT_EQ(score.images, 1);
}

}  // namespace
}  // namespace gradzone
