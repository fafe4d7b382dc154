// TrainingTask: what all trainings of a study have in common.
#pragma once

#include <cstdint>
#include <string>

#include "gradzone/data/dataset.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/io/json.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/study/training_trace.hpp"
#include "gradzone/train/training_run.hpp"

namespace gradzone {

struct TrainingTask {
  std::string net = "lenet5";
  std::string data;  ///< as load_dataset reads it; its train split
  std::string test;  ///< of which the test split is taken; empty: of `data`
  OptimiserOptions optimiser;
  LossScaler loss_scale = LossScaler::parse("dynamic");  ///< of amp16
  Schedule schedule = Schedule::parse("cosine");
  int epochs = 100;  ///< of the schedule
  Index batch = 128;
  Augmentation augmentation = Augmentation::none;
  OnBadImage on_bad_image = OnBadImage::fail;
  std::uint64_t seed = 0;
  Initialisation initialisation = Initialisation::torch;
  // What changes no result is part of no configuration.
  Processor processor = Processor::cpu;
  Peers* peers = nullptr;  ///< who share every step (Recipe::peers)

  /// " --net lenet5 --data ...": its part of a command line, less what changes no result.
  std::string options() const;
};

/// A task with its data loaded and checked.
struct LoadedTask {
  /// Throws UsageError or InputError.
  explicit LoadedTask(TrainingTask task);

  /// Run r takes weights, orders and augmentation from the seed `seed + r` alone: all configurations share
  /// them. The result refers to this task's data.
  TrainingRun run(const TrainUnit& unit, double learning_rate) const;
  /// What identifies it, for a study's configuration.
  Json identity() const;

  TrainingTask task;
  Graph graph;
  Dataset train_set, test_set;
};

/// Throws UsageError unless it is a number of epochs of such a schedule, or 0.
void check_stop_after(int stop_after, int epochs);

}  // namespace gradzone
