// Trainings on a device against trainings on the CPU: the same bytes after every step.
#include "agree/agree_support.hpp"
#include "agree/every_operation.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/train/trainer.hpp"

namespace gradzone::agree {
namespace {

void expect_same_state(const TrainerState& expected, const TrainerState& actual) {
  EXPECT_EQ(expected.steps, actual.steps);
  EXPECT_EQ(expected.loss_scale, actual.loss_scale);
  for (std::size_t p = 0; p < expected.parameters.size(); ++p)
    EXPECT_TRUE(same_bits(expected.parameters[p], actual.parameters[p])) << "parameter " << p;
  ASSERT_EQ(expected.optimiser.size(), actual.optimiser.size());
  for (std::size_t i = 0; i < expected.optimiser.size(); ++i) {
    EXPECT_EQ(expected.optimiser[i].name, actual.optimiser[i].name);
    EXPECT_TRUE(same_bits(expected.optimiser[i].values, actual.optimiser[i].values))
        << expected.optimiser[i].name;
  }
}

struct MiniBatch {
  Tensor<float> images;
  std::vector<int> labels;
};

MiniBatch random_batch(const Graph& graph, Index images, RandomStream& random) {
  Shape shape = graph.input_shape();
  shape.insert(shape.begin(), images);
  MiniBatch batch{Tensor<float>(shape), {}};
  for (float& v : batch.images.data) v = static_cast<float>(random.uniform(-1, 1));
  for (Index n = 0; n < images; ++n) batch.labels.push_back(static_cast<int>(random.below(10)));
  return batch;
}

/// Steps at mini-batches of these sizes; 0 is an evaluation.
void expect_same_training(const Graph& graph, const Recipe& recipe, const std::vector<Index>& batches) {
  constexpr std::uint64_t seed = 11;
  SCOPED_TRACE(::testing::Message() << graph.name() << ", " << name(recipe.format) << ", "
                                    << name(recipe.optimiser.kind) << ", " << recipe.choice.name() << ", "
                                    << name(recipe.form) << ", seed " << seed);
  const Parameters initial = initialise(graph, Initialisation::torch, seed);
  for (auto make : {make_host_device, make_card}) {
    std::unique_ptr<Device> device = make();
    if (device == nullptr) continue;
    SCOPED_TRACE(device->name());
    const auto cpu = make_trainer(graph, initial, recipe);
    const auto other = make_device_trainer(graph, initial, recipe, std::move(device));
    RandomStream random(seed, "device training");
    const auto test = [&] {
      const MiniBatch batch = random_batch(graph, 5, random);
      const Score expected = cpu->evaluate(batch.images, batch.labels);
      const Score actual = other->evaluate(batch.images, batch.labels);
      EXPECT_EQ(bits_of(expected.loss), bits_of(actual.loss));
      EXPECT_EQ(expected.correct, actual.correct);
    };
    for (const Index images : batches) {
      if (images == 0) {
        test();
        continue;
      }
      const MiniBatch batch = random_batch(graph, images, random);
      const StepResult expected = cpu->step(batch.images, batch.labels, 0.05);
      const StepResult actual = other->step(batch.images, batch.labels, 0.05);
      EXPECT_EQ(bits_of(expected.loss), bits_of(actual.loss));
      EXPECT_EQ(expected.correct, actual.correct);
      EXPECT_EQ(expected.skipped, actual.skipped);
      EXPECT_EQ(expected.non_finite_layer, actual.non_finite_layer);
      expect_same_state(cpu->state(), other->state());
    }
    test();
  }
}

Recipe recipe_of(TrainingFormat format) {
  Recipe recipe;
  recipe.format = format;
  recipe.optimiser = {.momentum = 0.9, .weight_decay = 5e-4};
  if (format.mixed()) recipe.loss_scale = LossScaler::parse("dynamic");
  return recipe;
}

TEST(DeviceTrainer, trains_as_the_cpu_in_every_format) {
  std::vector<TrainingFormat> formats(all_formats.begin(), all_formats.end());
  formats.push_back(amp16);
  for (const TrainingFormat format : formats)
    expect_same_training(every_operation(), recipe_of(format), {3, 35, 3});
}

TEST(DeviceTrainer, trains_as_the_cpu_with_every_choice_and_form) {
  for (const double beta : {0.0, 1.0, 1000.0})
    for (const Form form : {Form::direct, Form::composed}) {
      Recipe recipe = recipe_of(FormatId::fp16);
      recipe.choice.maxpool_beta = beta;
      recipe.choice.relu_at_0 = beta == 1 ? 0.5 : 0;  // forbids fusing
      recipe.choice.normpool_at_0 = 1;
      recipe.form = form;
      expect_same_training(every_operation(), recipe, {4, 4});
      expect_same_training(make_net("lenet5", BatchNorm::Mode::training), recipe, {2, 2});
    }
}

TEST(DeviceTrainer, trains_as_the_cpu_with_every_optimiser) {
  const Graph graph = make_net("mlp:2x20", BatchNorm::Mode::training);
  for (const OptimiserKind kind : {OptimiserKind::adam, OptimiserKind::adamw}) {
    Recipe recipe = recipe_of(FormatId::fp32);
    recipe.optimiser = {.kind = kind, .weight_decay = 0.01};
    expect_same_training(graph, recipe, {4, 4, 4});
  }
  Recipe nesterov = recipe_of(FormatId::bf16);
  nesterov.optimiser.nesterov = true;
  expect_same_training(graph, nesterov, {4, 4});
}

TEST(DeviceTrainer, plays_steps_back) {
  // A card records a step's parts when it sees them for the third time, and forgets them when sizes change.
  for (const TrainingFormat format : {TrainingFormat(FormatId::fp32), amp16})
    expect_same_training(every_operation(), recipe_of(format), {4, 4, 4, 4, 4, 3, 4, 4, 4, 4, 0, 4, 4, 4, 4});
}

TEST(DeviceTrainer, trains_large_networks_as_the_cpu) {
  if (card() == nullptr) GTEST_SKIP() << "no CUDA device: the host is slow at playing one";
  for (const char* net : {"vgg11", "resnet18-bn", "densenet121"})
    for (const TrainingFormat format : {TrainingFormat(FormatId::fp32), amp16})
      expect_same_training(make_net(net, BatchNorm::Mode::training), recipe_of(format),
                           {40, 128, 128, 128, 128});
}

TEST(DeviceTrainer, continues_from_the_state_of_a_cpu_training) {
  const Graph graph = make_net("lenet5-bn", BatchNorm::Mode::training);
  Recipe recipe = recipe_of(amp16);
  recipe.optimiser = {.kind = OptimiserKind::adam};
  const auto cpu = make_trainer(graph, initialise(graph, Initialisation::torch, 1), recipe);
  const auto other =
      make_device_trainer(graph, initialise(graph, Initialisation::torch, 2), recipe, make_host_device());
  RandomStream random(12, "continued training");
  const MiniBatch batch = random_batch(graph, 4, random);
  cpu->step(batch.images, batch.labels, 0.01);
  other->restore(cpu->state());
  cpu->step(batch.images, batch.labels, 0.01);
  other->step(batch.images, batch.labels, 0.01);
  expect_same_state(cpu->state(), other->state());
}

}  // namespace
}  // namespace gradzone::agree
