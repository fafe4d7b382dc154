// Trainings on a device against trainings on the CPU: the same bytes after every step.
#include <array>
#include <limits>
#include <utility>

#include "agree/agree_support.hpp"
#include "agree/every_operation.hpp"
#include "gradzone/data/loader.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/train/training_run.hpp"

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

void expect_same_loss(double expected, double actual) {
  EXPECT_TRUE(same_bits(Tensor<double>({1}, expected), Tensor<double>({1}, actual)));
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

/// Steps at mini-batches of these sizes, with falling rates; 0 is an evaluation, and images at position
/// `overflowing` are too large for every format. Returns how often the host played a step back.
int expect_same_training(const Graph& graph, const Recipe& recipe, const std::vector<Index>& batches,
                         std::size_t overflowing = std::numeric_limits<std::size_t>::max()) {
  constexpr std::uint64_t seed = 11;
  SCOPED_TRACE(::testing::Message() << graph.name() << ", " << name(recipe.format) << ", "
                                    << name(recipe.optimiser.kind) << ", " << recipe.choice.name() << ", "
                                    << name(recipe.form) << ", seed " << seed);
  const Parameters initial = initialise(graph, Initialisation::torch, seed);
  int playbacks = 0;
  for (auto make : {make_host_device, make_card}) {
    std::unique_ptr<Device> device = make();
    if (device == nullptr) continue;
    SCOPED_TRACE(device->name());
    const auto* host = dynamic_cast<const HostDevice*>(device.get());
    const auto cpu = make_trainer(graph, initial, recipe);
    const auto other = make_device_trainer(graph, initial, recipe, std::move(device));
    RandomStream random(seed, "device training");
    const auto test = [&] {
      const MiniBatch batch = random_batch(graph, 5, random);
      const Score expected = cpu->evaluate(batch.images, batch.labels);
      const Score actual = other->evaluate(batch.images, batch.labels);
      expect_same_loss(expected.loss, actual.loss);
      EXPECT_EQ(expected.correct, actual.correct);
    };
    for (std::size_t i = 0; i < batches.size(); ++i) {
      SCOPED_TRACE(::testing::Message() << "mini-batch " << i);
      if (batches[i] == 0) {
        test();
        continue;
      }
      MiniBatch batch = random_batch(graph, batches[i], random);
      if (i == overflowing)
        for (float& v : batch.images.data) v = std::numeric_limits<float>::infinity();
      const double rate = 0.05 / static_cast<double>(1 + i);
      const StepResult expected = cpu->step(batch.images, batch.labels, rate);
      const StepResult actual = other->step(batch.images, batch.labels, rate);
      expect_same_loss(expected.loss, actual.loss);
      EXPECT_EQ(expected.correct, actual.correct);
      EXPECT_EQ(expected.skipped, actual.skipped);
      EXPECT_EQ(expected.finite, actual.finite);
      EXPECT_EQ(expected.non_finite_layer, actual.non_finite_layer);
      expect_same_state(cpu->state(), other->state());
    }
    test();
    if (host != nullptr) playbacks = host->playbacks();
  }
  return playbacks;
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
  // A card records a step when it sees it for the third time, and forgets it when sizes change.
  for (const OptimiserKind kind : {OptimiserKind::sgd, OptimiserKind::adam})
    for (const TrainingFormat format : {TrainingFormat(FormatId::fp32), amp16}) {
      Recipe recipe = recipe_of(format);
      if (kind == OptimiserKind::adam) recipe.optimiser = {.kind = kind};
      const std::vector<Index> batches = {4, 4, 4, 4, 4, 3, 4, 4, 4, 4, 0, 4, 4, 4, 4};
      EXPECT_EQ(expect_same_training(every_operation(), recipe, batches), 2 + 1 + 1);
    }
}

TEST(DeviceTrainer, goes_on_as_the_cpu_where_numbers_are_not_finite) {
  std::vector<TrainingFormat> formats(all_formats.begin(), all_formats.end());
  formats.push_back(amp16);
  for (const TrainingFormat format : formats)
    for (const std::size_t overflowing : {0, 4}) {  // computed, played back
      Recipe recipe = recipe_of(format);
      expect_same_training(every_operation(), recipe, {3, 3, 3, 3, 3, 3}, overflowing);
      if (!format.mixed()) continue;
      recipe.loss_scale = LossScaler();  // makes the step, where "dynamic" skips it
      expect_same_training(every_operation(), recipe, {3, 3, 3, 3, 3, 3}, overflowing);
    }
}

TEST(DeviceTrainer, trains_large_networks_as_the_cpu) {
  if (card() == nullptr) GTEST_SKIP() << "no CUDA device: the host is slow at playing one";
  for (const char* net : {"vgg11", "resnet18-bn", "densenet121"})
    for (const TrainingFormat format : {TrainingFormat(FormatId::fp32), amp16})
      expect_same_training(make_net(net, BatchNorm::Mode::training), recipe_of(format),
                           {40, 128, 128, 128, 128});
}

/// Random images [3, 8, 8], black being another number in each channel.
Dataset random_images(Index count, RandomStream& random) {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  for (Index i = 0; i < count * 3 * 8 * 8; ++i)
    pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
  for (Index i = 0; i < count; ++i) labels.push_back(static_cast<int>(random.below(10)));
  const std::array mean{0.3f, 0.4f, 0.5f}, deviation{0.2f, 0.3f, 0.4f};
  return Dataset("random", {3, 8, 8}, 10, std::move(pixels), std::move(labels),
                 normalising_transforms(mean, deviation));
}

/// Steps by plans on a device, which holds the images or not, beside the loader's on the CPU.
void expect_same_from_plans(const Recipe& recipe, Augmentation augmentation, bool held,
                            std::unique_ptr<Device> device) {
  SCOPED_TRACE(::testing::Message() << device->name() << ", " << name(recipe.format) << ", "
                                    << name(augmentation) << (held ? ", held" : ", not held"));
  const Graph graph = every_operation();
  const Parameters initial = initialise(graph, Initialisation::torch, 3);
  RandomStream random(13, "held images");
  const Dataset data = random_images(300, random);  // more than are loaded at a time
  const auto cpu = make_trainer(graph, initial, recipe);
  const auto other = make_device_trainer(graph, initial, recipe, std::move(device));
  EXPECT_EQ(other->hold(data), held);
  const LoaderOptions options{.batch = 35, .augmentation = augmentation, .seed = 5};
  BatchLoader loader(data, options);
  BatchPlanner planner(data, options);
  for (const auto& [epoch, step] : {std::pair<Index, Index>{0, 0}, {0, 8}, {1, 8}}) {
    loader.seek(epoch, step);
    const LoadedBatch& batch = loader.next();
    const BatchPlan plan = planner.plan(epoch, step);
    EXPECT_EQ(plan.labels, batch.labels);
    EXPECT_TRUE(same_bits(planned_images(plan), batch.x));
    const StepResult expected = cpu->step(batch.x, batch.labels, 0.05), actual = other->step(plan, 0.05);
    EXPECT_EQ(bits_of(expected.loss), bits_of(actual.loss));
    EXPECT_EQ(expected.correct, actual.correct);
    expect_same_state(cpu->state(), other->state());
    EXPECT_EQ(bits_of(cpu->evaluate(batch.x, batch.labels).loss), bits_of(other->evaluate(plan).loss));
  }
}

TEST(DeviceTrainer, cuts_mini_batches_of_the_images_that_it_holds) {
  std::vector<TrainingFormat> formats(all_formats.begin(), all_formats.end());
  formats.push_back(amp16);
  for (const TrainingFormat format : formats)
    for (auto make : {make_host_device, make_card})
      if (auto device = make())
        expect_same_from_plans(recipe_of(format), Augmentation::crop_flip, true, std::move(device));
  expect_same_from_plans(recipe_of(amp16), Augmentation::none, true, make_host_device());
}

TEST(DeviceTrainer, loads_the_images_that_do_not_fit) {
  auto small = std::make_unique<HostDevice>();
  small->pretend_free_memory(4 * 300 * 3 * 8 * 8 * sizeof(float) - 1);
  expect_same_from_plans(recipe_of(FormatId::fp16), Augmentation::crop_flip, false, std::move(small));
}

TEST(DeviceTrainer, holds_vectors) {
  GraphBuilder net("vectors", {12});
  net.then("fc", Linear{12, 3});
  const Graph graph = net.build(Loss::cross_entropy);
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < 20 * 12; ++i) pixels.push_back(static_cast<std::uint8_t>(i));
  const Dataset data("vectors", {12}, 3, std::move(pixels), std::vector<int>(20, 2),
                     symmetric_unit_transform());
  const Parameters initial = initialise(graph, Initialisation::torch, 3);
  const Recipe recipe = recipe_of(FormatId::bf16);
  const auto cpu = make_trainer(graph, initial, recipe);
  const auto other = make_device_trainer(graph, initial, recipe, make_host_device());
  EXPECT_TRUE(other->hold(data));
  const BatchPlan plan = BatchPlanner(data, {.batch = 15, .seed = 1}).plan(0, 0);
  cpu->step(plan, 0.05);
  other->step(plan, 0.05);
  expect_same_state(cpu->state(), other->state());
}

TEST(DeviceTrainer, runs_as_the_cpu_on_images_that_it_holds) {
  const Dataset train_set = load_dataset("glyphs:70", "train", 0),
                test_set = load_dataset("glyphs:120", "test", 0);
  RunOptions options;
  options.recipe = recipe_of(FormatId::fp16);
  options.epochs = 2;
  options.batch = 30;
  options.augmentation = Augmentation::crop_flip;
  const Graph graph = make_net("mlp:1x16", BatchNorm::Mode::training);
  const Parameters initial = initialise(graph, Initialisation::torch, 1);
  TrainingRun cpu(graph, initial, train_set, test_set, options);
  TrainingRun other(graph, make_device_trainer(graph, initial, options.recipe, make_host_device()), train_set,
                    test_set, options);
  for (int step = 0; step < 6; ++step) {
    if (step == 1 || step == 4) {  // as an audit in between looks at them
      EXPECT_EQ(cpu.batch().labels, other.batch().labels);
      EXPECT_TRUE(same_bits(cpu.batch().x, other.batch().x));
    }
    const auto expected = cpu.step(), actual = other.step();
    ASSERT_EQ(expected.has_value(), actual.has_value());
    if (expected) {
      EXPECT_EQ(bits_of(expected->train_loss), bits_of(actual->train_loss));
      EXPECT_EQ(bits_of(expected->test_loss), bits_of(actual->test_loss));
      EXPECT_EQ(expected->test_accuracy, actual->test_accuracy);
    }
    expect_same_state(cpu.state().trainer, other.state().trainer);
  }
}

Recipe recipe_of(const char* format) {
  Recipe recipe = recipe_of(parse_training_format(format));
  recipe.optimiser.weight_decay = 0;
  return recipe;
}

/// The gradients of a first step, as momentum keeps them: one vector of all parameters'.
std::vector<double> first_gradient(Trainer& trainer, const MiniBatch& batch) {
  trainer.step(batch.images, batch.labels, 0.01);
  std::vector<double> out;
  for (const auto& [name, values] : trainer.state().optimiser)
    out.insert(out.end(), values.data.begin(), values.data.end());
  return out;
}

/// |a - b| / |a|
double relative_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0, all = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    squares += (a[i] - b[i]) * (a[i] - b[i]);
    all += a[i] * a[i];
  }
  return std::sqrt(squares / all);
}

/// A format of tensor cores, and one whose rounding is not finer.
struct Comparable {
  const char *format, *chain;
};
constexpr Comparable of_tensor_cores[] = {
    {"fp16-tc", "fp16"}, {"amp16-tc", "amp16"}, {"bf16-tc", "bf16"}, {"tf32-tc", "amp16"}};

/// The gradient's error is of the size that the chain's has in the comparable format; the same steps, of
/// which the card plays the later ones back, end with the same bits. Says what it leaves out.
void expect_tensor_cores(const Graph& graph, Index images, std::unique_ptr<Device> (*make)()) {
  RandomStream random(13, "tensor cores");
  const MiniBatch batch = random_batch(graph, images, random);
  const Parameters initial = initialise(graph, Initialisation::torch, 3);
  const auto trainer = [&](const char* format) {
    return make_device_trainer(graph, initial, recipe_of(format), make());
  };
  const std::vector<double> exact = first_gradient(*trainer("fp64"), batch);
  for (const auto& [format, chain] : of_tensor_cores) {
    SCOPED_TRACE(::testing::Message() << graph.name() << ", " << format);
    try {
      const auto once = trainer(format), again = trainer(format);
      const double error = relative_distance(exact, first_gradient(*once, batch));
      const double expected = relative_distance(exact, first_gradient(*trainer(chain), batch));
      std::printf("%s: %s is off by %.2e, %s by %.2e\n", graph.name().c_str(), format, error, chain,
                  expected);
      EXPECT_LE(error, 3 * expected);
      EXPECT_GT(error, 0);
      first_gradient(*again, batch);
      for (int step = 0; step < 3; ++step)
        for (Trainer* t : {once.get(), again.get()}) t->step(batch.images, batch.labels, 0.01);
      expect_same_state(once->state(), again->state());
    } catch (const UsageError& missing) {
      std::printf("left out: %s\n", missing.what());
    }
  }
}

TEST(DeviceTrainer, steps_by_tensor_cores) {
  for (auto make : {make_host_device, make_card}) {
    if (make == make_card && card() == nullptr) continue;
    expect_tensor_cores(every_operation(), 35, make);
    expect_tensor_cores(make_net("lenet5", BatchNorm::Mode::training), 6, make);
  }
}

TEST(DeviceTrainer, steps_by_tensor_cores_in_large_networks) {
  if (card() == nullptr) GTEST_SKIP() << "no CUDA device: the host is slow at playing one";
  for (const char* net : {"vgg11", "resnet18-bn", "densenet121"})
    expect_tensor_cores(make_net(net, BatchNorm::Mode::training), 128, make_card);
}

TEST(DeviceTrainer, has_tensor_cores_on_cards_alone) {
  const Graph graph = make_net("mlp:2x20", BatchNorm::Mode::training);
  const Parameters initial = initialise(graph, Initialisation::torch, 1);
  for (const char* format : {"fp16-tc", "amp16-tc"})
    EXPECT_THROW(make_trainer(graph, initial, recipe_of(format)), UsageError);
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
