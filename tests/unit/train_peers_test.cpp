// Trainings whose steps several ranks share against trainings alone: the same bits on every rank.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/kernels/reference/sum.hpp"
#include "gradzone/kernels/shared_batch.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/train/training_run.hpp"
#include "support/thread_peers.hpp"

namespace gradzone {
namespace {

using support::run_peers;

constexpr int most_ranks = 4;

/// Every operation that sums over a batch, and branches that are joined again.
Graph small_net() {
  GraphBuilder net("small", {2, 6, 6});
  const NodeId conv = net.then("conv", Conv2d{2, 5, Window::square(3, 1, 1)});
  const NodeId normal = net.then("bn", BatchNorm{.channels = 5, .mode = BatchNorm::Mode::training});
  const NodeId relu = net.then("relu", Activation{});
  const NodeId strided = net.add("strided", Conv2d{5, 3, Window::square(3, 2, 1), false}, {relu});
  const NodeId pool = net.add("pool", MaxPool2d{Window::square(2, 2), std::nullopt}, {relu});
  const NodeId average = net.add("average", AvgPool2d{Window::square(2, 2)}, {conv});
  const NodeId norm = net.add("norm", NormPool2d{Window::square(2, 2)}, {normal});
  net.add("concat", Concat{}, {strided, pool, average, norm});
  net.then("max", MaxPool2d{Window::square(2, 1), std::nullopt});
  net.then("flatten", Flatten{});
  net.then("fc1", Linear{18 * 4, 7});
  net.then("bn1", BatchNorm{.channels = 7, .mode = BatchNorm::Mode::training});
  net.then("leaky", Activation{Activation::Kind::leaky_relu, 0.1});
  net.then("fc2", Linear{7, 3, false});
  return net.build(Loss::cross_entropy);
}

struct MiniBatch {
  Tensor<float> images;
  std::vector<int> labels;
};

std::vector<MiniBatch> random_batches(const std::vector<Index>& sizes) {
  RandomStream random(5, "peers");
  std::vector<MiniBatch> out;
  for (const Index size : sizes) {
    MiniBatch batch{Tensor<float>({size, 2, 6, 6}), {}};
    for (float& v : batch.images.data) v = static_cast<float>(random.uniform(-1, 2));
    for (Index n = 0; n < size; ++n) batch.labels.push_back(static_cast<int>(random.below(3)));
    out.push_back(std::move(batch));
  }
  return out;
}

/// What a training showed of itself.
struct Course {
  std::vector<StepResult> steps;
  TrainerState state;
};

Course train(const Recipe& recipe, const std::vector<MiniBatch>& batches, double rate) {
  const Graph graph = small_net();
  const auto trainer = make_trainer(graph, initialise(graph, Initialisation::torch, 3), recipe);
  Course out;
  for (const MiniBatch& batch : batches) out.steps.push_back(trainer->step(batch.images, batch.labels, rate));
  out.state = trainer->state();
  return out;
}

/// Equal, a NaN being equal to a NaN.
bool same(const Tensor<double>& a, const Tensor<double>& b) {
  return a.shape == b.shape && std::ranges::equal(a.data, b.data, [](double u, double v) {
           return std::isnan(u) ? std::isnan(v) : u == v && std::signbit(u) == std::signbit(v);
         });
}

void expect_same(const Course& alone, const Course& shared) {
  for (std::size_t s = 0; s < alone.steps.size(); ++s) {
    SCOPED_TRACE(testing::Message() << "step " << s);
    const StepResult &expected = alone.steps[s], &found = shared.steps[s];
    if (std::isfinite(expected.loss)) {
      EXPECT_EQ(found.loss, expected.loss);
    }
    EXPECT_EQ(found.correct, expected.correct);
    EXPECT_EQ(found.skipped, expected.skipped);
    EXPECT_EQ(found.finite, expected.finite);
    EXPECT_EQ(found.non_finite_layer, expected.non_finite_layer);
  }
  EXPECT_EQ(shared.state.steps, alone.state.steps);
  EXPECT_EQ(shared.state.loss_scale, alone.state.loss_scale);
  for (std::size_t p = 0; p < alone.state.parameters.size(); ++p)
    EXPECT_TRUE(same(shared.state.parameters[p], alone.state.parameters[p])) << "parameter " << p;
  ASSERT_EQ(shared.state.optimiser.size(), alone.state.optimiser.size());
  for (std::size_t i = 0; i < alone.state.optimiser.size(); ++i)
    EXPECT_TRUE(same(shared.state.optimiser[i].values, alone.state.optimiser[i].values))
        << alone.state.optimiser[i].name;
}

/// Of steps at mini-batches of these sizes, on 2 ... most_ranks ranks. Returns what happened alone.
Course expect_same_on_ranks(Recipe recipe, const std::vector<Index>& sizes, double rate = 0.05) {
  SCOPED_TRACE(full_name(recipe.format) + ", " + std::string(name(recipe.optimiser.kind)));
  const auto batches = random_batches(sizes);
  Course alone = train(recipe, batches, rate);
  for (int ranks = 2; ranks <= most_ranks; ++ranks) {
    SCOPED_TRACE(testing::Message() << ranks << " ranks");
    std::vector<Course> courses(static_cast<std::size_t>(ranks));
    run_peers(ranks, [&](Peers& peers) {
      Recipe own = recipe;
      own.peers = &peers;
      courses[static_cast<std::size_t>(peers.rank())] = train(own, batches, rate);
    });
    for (std::size_t rank = 0; rank < courses.size(); ++rank) {
      SCOPED_TRACE(testing::Message() << "rank " << rank);
      expect_same(alone, courses[rank]);
    }
  }
  return alone;
}

Recipe recipe(TrainingFormat format) {
  Recipe out;
  out.format = format;
  out.choice = Choice{.maxpool_beta = 10};
  out.form = Form::composed;
  out.optimiser = {.momentum = 0.9, .weight_decay = 5e-4};
  if (format.mixed()) out.loss_scale = LossScaler::parse("dynamic");
  return out;
}

// The numbers of groups: 4, 5 of which one is small, 7, 3, 1 (which nobody shares), and 2.
const std::vector<Index> various_sizes{128, 140, 201, 70, 20, 64};

class PeersInOrder : public testing::TestWithParam<Order> {};
INSTANTIATE_TEST_SUITE_P(Orders, PeersInOrder, testing::ValuesIn(all_orders), [](const auto& p) {
  std::string text(name(p.param));
  std::ranges::replace(text, '-', '_');
  return text;
});

TEST_P(PeersInOrder, EveryFormatHasTheBitsOfATrainingAlone) {
  for (const FormatId format : all_formats) expect_same_on_ranks(recipe({format, GetParam()}), various_sizes);
  expect_same_on_ranks(recipe({FormatId::fp16, FormatId::fp32, GetParam()}), various_sizes);
}

TEST(Peers, EveryOptimiserHasTheBitsOfATrainingAlone) {
  for (const OptimiserKind kind : {OptimiserKind::adam, OptimiserKind::adamw})
    for (const FormatId format : {FormatId::fp32, FormatId::bf16}) {
      Recipe r = recipe(format);
      r.optimiser = {.kind = kind, .weight_decay = 0.01, .epsilon = 1e-3};
      expect_same_on_ranks(r, various_sizes, 0.01);
    }
}

// All leave out the same steps.
TEST(Peers, AnOverflowIsEveryones) {
  Recipe r = recipe(amp16);
  r.loss_scale = LossScaler::parse("fixed:16777216");
  const Course course = expect_same_on_ranks(r, {128, 140});
  EXPECT_TRUE(course.steps[0].skipped);
}

// Of images on one rank only: the layer is the first in which one is met anywhere.
TEST(Peers, TheFirstNanHasTheSameNameOnEveryRank) {
  const Graph graph = small_net();
  for (const Index image : {0, 50, 127}) {
    MiniBatch batch = random_batches({128}).front();
    batch.images[image * 72 + 30] = std::numeric_limits<float>::infinity();
    Recipe r = recipe(FormatId::fp32);
    const Course alone = train(r, {batch, batch}, 0.05);
    EXPECT_EQ(alone.steps[0].non_finite_layer, graph.nodes()[0].name);
    run_peers(3, [&](Peers& peers) {
      Recipe own = r;
      own.peers = &peers;
      expect_same(alone, train(own, {batch, batch}, 0.05));
    });
  }
}

TEST(Peers, ARunHasTheCurveOfARunAlone) {
  const Dataset train_set = load_dataset("glyphs:150", "train", 0),
                test_set = load_dataset("glyphs:350", "test", 0);
  const auto records = [&](Peers* peers) {
    RunOptions o;
    o.recipe = recipe(FormatId::fp32);
    o.recipe.peers = peers;
    o.epochs = 2;
    const Graph graph = make_net("lenet5-bn", BatchNorm::Mode::training);
    TrainingRun run(graph, initialise(graph, Initialisation::torch, 1), train_set, test_set, o);
    std::vector<double> out;
    while (run.epochs() < o.epochs)
      if (const auto r = run.step())
        out.insert(out.end(), {r->train_loss, r->train_accuracy, r->test_loss, r->test_accuracy});
    return out;
  };
  const auto alone = records(nullptr);
  for (const int ranks : {1, 3, 5})
    run_peers(ranks, [&](Peers& peers) { EXPECT_EQ(records(&peers), alone) << ranks; });
}

TEST(Peers, ACardIsForOneProcess) {
  const Graph graph = small_net();
  Recipe r = recipe(FormatId::fp32);
  r.processor = Processor::cuda;
  run_peers(2, [&](Peers& peers) {
    Recipe own = r;
    own.peers = &peers;
    try {
      make_trainer(graph, initialise(graph, Initialisation::torch, 3), own);
      ADD_FAILURE();
    } catch (const UsageError& e) {
      EXPECT_NE(std::string(e.what()).find("2 processes"), std::string::npos) << e.what();
    }
  });
}

// For every number of groups and ranks: each rank has some, all are there once, and the sum is that of the
// tree.
TEST(SharedBatch, AddsAsTheTreeDoes) {
  for (int ranks = 2; ranks <= 7; ++ranks)
    for (Index groups = ranks; groups <= 19; ++groups) {
      SCOPED_TRACE(testing::Message() << groups << " groups on " << ranks << " ranks");
      RandomStream random(static_cast<std::uint64_t>(groups), "tree");
      std::vector<float> values;
      for (Index g = 0; g < groups; ++g) values.push_back(static_cast<float>(random.uniform(-1, 1)));
      const float expected = reference::tree_sum<Fp32>(values);
      const Index images = groups * images_per_group - 5;
      std::vector<Index> owned(static_cast<std::size_t>(ranks));
      run_peers(ranks, [&](Peers& peers) {
        SharedBatch batch(peers);
        batch.set_images(images);
        ASSERT_TRUE(batch.is_shared());
        owned[static_cast<std::size_t>(peers.rank())] = batch.end() - batch.begin();
        EXPECT_GT(batch.end(), batch.begin());
        std::vector<float> own(values.begin() + batch.begin() / images_per_group,
                               values.begin() + (batch.end() + images_per_group - 1) / images_per_group);
        batch.add_groups<Fp32>(own.data(), 1);
        EXPECT_EQ(own.front(), expected);
        Tensor<float> numbers({batch.end() - batch.begin(), 2});
        std::iota(numbers.data.begin(), numbers.data.end(), static_cast<float>(2 * batch.begin()));
        const Tensor<float> all = batch.gather(numbers);
        for (Index i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<float>(i));
      });
      EXPECT_EQ(std::accumulate(owned.begin(), owned.end(), Index{0}), images);
    }
}

TEST(SharedBatch, IsNotSharedByMoreRanksThanGroups) {
  run_peers(3, [](Peers& peers) {
    SharedBatch batch(peers);
    batch.set_images(96);
    EXPECT_TRUE(batch.is_shared());
    batch.set_images(64);
    EXPECT_FALSE(batch.is_shared());
    EXPECT_EQ(batch.begin(), 0);
    EXPECT_EQ(batch.end(), 64);
  });
}

}  // namespace
}  // namespace gradzone
