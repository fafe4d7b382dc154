// TrainingRun: a network trained over a data set, epoch by epoch, mini-batch by mini-batch. What it computes
// depends on its options alone; it can be left after any step and continued from its state.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/data/dataset.hpp"
#include "gradzone/data/loader.hpp"
#include "gradzone/train/schedule.hpp"
#include "gradzone/train/trainer.hpp"

namespace gradzone {

struct RunOptions {
  Recipe recipe;
  double learning_rate = 0.05;  ///< which the schedule scales, epoch by epoch
  Schedule schedule;
  int epochs = 4;     ///< of the schedule
  Index batch = 128;  ///< the last mini-batch of an epoch may be smaller
  Augmentation augmentation = Augmentation::none;
  std::uint64_t seed = 0;  ///< of order and augmentation, new in every epoch (data/loader.hpp)
};

/// One line of a training curve.
struct EpochRecord {
  int epoch = 0;          ///< from 1
  double train_loss = 0;  ///< means over the images of the epoch, each before its step
  double train_accuracy = 0;
  double test_loss = 0;  ///< after the epoch
  double test_accuracy = 0;
  double rate = 0;  ///< the learning rate of this epoch
};

/// Where a run first met a NaN or an infinity.
struct NonFinite {
  int epoch = 0;   ///< from 1
  Index step = 0;  ///< in that epoch, from 1
  std::string layer;
};

/// Everything that the rest of the run depends on, exactly.
struct RunState {
  TrainerState trainer;
  int epoch = 0;        ///< epochs finished
  Index step = 0;       ///< steps of the next one that are done
  Index all_steps = 0;  ///< of all epochs, follows from the two
  Score score;          ///< over those steps
  std::optional<NonFinite> non_finite;
};

/// Throws UsageError if mini-batches of `images` images leave a batch norm in training mode a last one of a
/// single value per channel.
void check_batch_norm(const Graph& graph, Index images, Index batch);

class TrainingRun {
 public:
  /// Data sets must outlive the run; the graph is copied. Throws UsageError for options out of range and data
  /// that do not fit the network, or that leave batch norm a last mini-batch of a single value per channel.
  TrainingRun(const Graph& graph, const Parameters& initial, const Dataset& train_set,
              const Dataset& test_set, RunOptions options);
  /// With a trainer of options.recipe at the initial parameters.
  TrainingRun(const Graph& graph, std::unique_ptr<Trainer> trainer, const Dataset& train_set,
              const Dataset& test_set, RunOptions options);
  ~TrainingRun();
  TrainingRun(TrainingRun&&) noexcept;

  /// Precondition of the two: epochs() < options.epochs.
  /// The mini-batch of the next step.
  const LoadedBatch& batch();
  /// Takes that step. After the last step of an epoch the test set is evaluated and the epoch's record
  /// returned.
  std::optional<EpochRecord> step();

  int epochs() const;             ///< finished
  Index steps() const;            ///< done of the epoch that is under way
  Index steps_per_epoch() const;  ///< ceil(images / batch)
  Index all_steps() const;        ///< done since the beginning
  Index images() const;           ///< of the training set
  const Score& score() const;     ///< of the epoch that is under way
  const std::optional<NonFinite>& non_finite() const;
  const Trainer& trainer() const;

  RunState state();
  /// Precondition: the state of a run with the same options. Throws InputError as Trainer::restore does.
  void restore(const RunState& state);

 private:
  struct Members;
  std::unique_ptr<Members> m_;
};

}  // namespace gradzone
