#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "gradzone/base/error.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/train/trainer.hpp"

namespace gradzone {
namespace {

TrainResult train_small(int threads, std::uint64_t seed) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(threads));
  const Graph graph = make_net("mlp:1x16", BatchNorm::Mode::evaluation);
  TrainOptions options;
  options.epochs = 10;
  options.batch = 33;
  options.seed = seed;
  return train(graph, initialise(graph, Initialisation::torch, 1), load_dataset("glyphs:400", "train", 0),
               load_dataset("glyphs:100", "test", 0), options);
}

TEST(Trainer, Learns) {
  const TrainResult result = train_small(2, 0);
  ASSERT_EQ(result.epochs.size(), 10u);
  EXPECT_LT(result.epochs[9].train_loss, result.epochs[0].train_loss);
  EXPECT_GT(result.epochs[9].test_accuracy, 0.3);  // guessing gets 0.1
}

TEST(Trainer, DependsOnTheSeedAndNotOnThreads) {
  const TrainResult one = train_small(1, 0), two = train_small(2, 0), other = train_small(1, 1);
  EXPECT_EQ(one.parameters, two.parameters);
  EXPECT_NE(one.parameters, other.parameters);
}

TEST(Trainer, RefusesWhatItDoesNotTrain) {
  const Graph graph = make_net("lenet5-bn", BatchNorm::Mode::training);
  const Dataset data = load_dataset("glyphs:50", "train", 0);
  EXPECT_THROW(train(graph, initialise(graph, Initialisation::torch, 0), data, data, {}), UsageError);
  const Graph plain = make_net("lenet5", BatchNorm::Mode::evaluation);
  TrainOptions options;
  options.epochs = 0;
  EXPECT_THROW(train(plain, initialise(plain, Initialisation::torch, 0), data, data, options), UsageError);
}

TEST(Trainer, StopsWhenAsked) {
  const Graph graph = make_net("mlp:1x16", BatchNorm::Mode::evaluation);
  const Dataset data = load_dataset("glyphs:50", "train", 0);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(
      train(graph, initialise(graph, Initialisation::torch, 0), data, data, {}, {{}, stop.get_token()}),
      InterruptedError);
}

}  // namespace
}  // namespace gradzone
