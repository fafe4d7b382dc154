#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/train/training_run.hpp"

namespace gradzone {
namespace {

const Dataset& train_set() {
  static const Dataset data = load_dataset("glyphs:400", "train", 0);
  return data;
}
/// Three mini-batches: enough to compare bits.
const Dataset& small_set() {
  static const Dataset data = load_dataset("glyphs:70", "train", 0);
  return data;
}
const Dataset& test_set() {
  static const Dataset data = load_dataset("glyphs:100", "test", 0);
  return data;
}

RunOptions options(FormatId format = FormatId::fp32) {
  RunOptions o;
  o.recipe = {
      format, Choice{.maxpool_beta = 10}, Form::composed, {.momentum = 0.9, .weight_decay = 5e-4}, {}};
  o.schedule = Schedule::parse("cosine");
  o.epochs = 2;
  o.batch = 33;
  return o;
}

TrainingRun start(const char* net, const RunOptions& o, const Dataset& data = train_set()) {
  const Graph graph = make_net(net, BatchNorm::Mode::training);
  return {graph, initialise(graph, Initialisation::torch, 1), data, test_set(), o};
}

std::vector<EpochRecord> finish(TrainingRun& run, int epochs) {
  std::vector<EpochRecord> records;
  while (run.epochs() < epochs) {
    if (const auto record = run.step()) records.push_back(*record);
  }
  return records;
}

Parameters trained(const char* net, const RunOptions& o) {
  TrainingRun run = start(net, o, small_set());
  finish(run, 1);
  return run.trainer().parameters();
}

TEST(TrainingRun, Learns) {
  RunOptions o = options();
  o.epochs = 10;
  TrainingRun run = start("mlp:1x16", o);
  EXPECT_EQ(run.steps_per_epoch(), 13);
  const auto records = finish(run, o.epochs);
  ASSERT_EQ(records.size(), 10u);
  EXPECT_EQ(records[9].epoch, 10);
  EXPECT_EQ(records[0].rate, o.learning_rate);
  EXPECT_LT(records[9].rate, records[8].rate);
  EXPECT_LT(records[9].train_loss, records[0].train_loss);
  EXPECT_GT(records[9].test_accuracy, 0.3);  // guessing gets 0.1
  EXPECT_FALSE(run.non_finite());
}

TEST(TrainingRun, ANetworkWithBatchNormLearnsForItsEvaluationToo) {
  RunOptions o = options();
  o.recipe.choice = Choice{};
  o.epochs = 12;
  TrainingRun run = start("lenet5-bn", o);
  const auto records = finish(run, o.epochs);
  EXPECT_GT(records.back().test_accuracy, 0.5);
}

class TrainingRunOf : public testing::TestWithParam<FormatId> {};
INSTANTIATE_TEST_SUITE_P(Formats, TrainingRunOf, testing::ValuesIn(all_formats), [](const auto& p) {
  std::string text(name(p.param));
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
});

TEST_P(TrainingRunOf, ThreadsChangeNoBit) {
  const auto with = [](int threads) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads));
    return trained("lenet5-bn", options(GetParam()));
  };
  EXPECT_TRUE(with(1) == with(3));
}

TEST_P(TrainingRunOf, SimdTargetsChangeNoBit) {
  const RunOptions o = options(GetParam());
  const Parameters usual = trained("lenet5-bn", o);
  const auto supported = hwy::SupportedTargets();
  for (auto left = supported; left != 0; left &= left - 1) {
    const auto target = left & -left;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    EXPECT_TRUE(trained("lenet5-bn", o) == usual);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// Left in the middle of an epoch and continued by another run: what a checkpoint must be able to.
TEST_P(TrainingRunOf, ContinuesFromItsStateToTheSameBits) {
  for (const OptimiserKind kind : {OptimiserKind::sgd, OptimiserKind::adam}) {
    RunOptions o = options(GetParam());
    o.recipe.optimiser = {.kind = kind, .momentum = kind == OptimiserKind::sgd ? 0.9 : 0, .epsilon = 1e-3};
    o.learning_rate = 0.01;
    TrainingRun whole = start("lenet5-bn", o, small_set()), first = start("lenet5-bn", o, small_set()),
                second = start("lenet5-bn", o, small_set());
    const auto expected = finish(whole, 2);
    for (int s = 0; s < 4; ++s) first.step();
    second.restore(first.state());
    EXPECT_EQ(second.all_steps(), 4);
    const auto found = finish(second, 2);
    EXPECT_TRUE(second.trainer().parameters() == whole.trainer().parameters());
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].train_loss, expected[1].train_loss);
    EXPECT_EQ(found[0].test_loss, expected[1].test_loss);
  }
}

TEST(TrainingRun, DependsOnTheSeed) {
  RunOptions o = options();
  const Parameters one = trained("mlp:1x16", o);
  o.seed = 1;
  EXPECT_FALSE(trained("mlp:1x16", o) == one);
}

TEST(TrainingRun, TellsWhereItFirstMetANanAndGoesOn) {
  RunOptions o = options(FormatId::fp16);
  o.recipe.choice.maxpool_beta = 1e6;
  TrainingRun run = start("lenet5", o);
  const auto records = finish(run, 1);
  ASSERT_TRUE(run.non_finite());
  EXPECT_EQ(run.non_finite()->epoch, 1);
  EXPECT_EQ(run.non_finite()->step, 1);
  EXPECT_EQ(run.non_finite()->layer, "features.2");
  EXPECT_TRUE(std::isnan(records[0].train_loss));
  // Of logits that are all NaN the first counts as largest, as in PyTorch: the share of zeros.
  const auto zeros = std::count(test_set().labels().begin(), test_set().labels().end(), 0);
  EXPECT_EQ(records[0].test_accuracy, static_cast<double>(zeros) / 100);
}

TEST(TrainingRun, RefusesWhatItCannotTrain) {
  const auto refused = [](const char* net, auto change) {
    RunOptions o = options();
    change(o);
    EXPECT_THROW(start(net, o), UsageError);
  };
  refused("lenet5", [](RunOptions& o) { o.epochs = 0; });
  refused("lenet5", [](RunOptions& o) { o.batch = 0; });
  refused("lenet5", [](RunOptions& o) { o.learning_rate = 0; });
  refused("lenet5", [](RunOptions& o) { o.recipe.optimiser.momentum = 1; });
  refused("lenet5-bn", [](RunOptions& o) { o.batch = 399; });  // leaves one image for batch norm
  EXPECT_THROW(start("vgg11", options()), InputError);         // takes 3 channels
}

TEST(TrainingRun, RefusesTheStateOfAnotherOptimiser) {
  RunOptions adam = options();
  adam.recipe.optimiser = {.kind = OptimiserKind::adam};
  TrainingRun one = start("mlp:1x16", options()), other = start("mlp:1x16", adam);
  EXPECT_THROW(other.restore(one.state()), InputError);
}

}  // namespace
}  // namespace gradzone
