// SavedRun: a training run that lives in a checkpoint file, so that it can be killed at any moment and
// continued to the same bytes.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "gradzone/io/safetensors.hpp"
#include "gradzone/train/training_run.hpp"

namespace gradzone {

/// What a training that is under way tells of itself.
struct TrainProgress {
  std::string unit;                    ///< which of several runs
  int epoch = 0, epochs = 0;           ///< from 1, of how many
  double loss = 0, accuracy = 0;       ///< of the epoch so far, on the training images
  std::int64_t images = 0, total = 0;  ///< seen so far, of all runs together
  std::int64_t found = 0;              ///< of them, by the same command before it was stopped
};

struct TrainWatch {
  std::function<void(const TrainProgress&)> progress;  ///< after every step; may be empty
  std::stop_token stop;
};

/// A training saves about so often within an epoch: what a killed one computes again.
inline constexpr std::chrono::seconds save_interval{60};

/// What happens around steps and saves besides the training itself.
struct RunHooks {
  std::function<void(TrainingRun&)> before_step;
  std::function<void()> before_save;  ///< so that nothing is younger than the checkpoint's companions
  /// Does the rest that is due before a step (stop, save, before_step), if there is a reason to do it
  /// elsewhere.
  std::function<void(const std::function<void()>&)> between_steps;
};

/// The checkpoint of a run: parameters under their names (gradzone audit takes it as a model), then batch
/// norms' num_batches_tracked and the optimiser's state ("optimiser." before each name); counters are
/// metadata. NaNs are written as the one positive quiet NaN.
Checkpoint checkpoint_of(const Graph& graph, FormatId format, const RunState& state);
/// Reads it back. Throws InputError naming `where` if something is missing or of the wrong shape.
RunState run_state(const Graph& graph, FormatId format, const Checkpoint& checkpoint,
                   const std::string& where);

class SavedRun {
 public:
  /// Continues from `file` if it is there. `identity` is written into the metadata; a file with other entries
  /// is refused as an InputError.
  SavedRun(std::filesystem::path file, const Graph& graph, FormatId format, TrainingRun run,
           std::map<std::string, std::string> identity);

  /// Trains to the end of the epoch under way, saving once a minute. When a stop is requested it saves and
  /// throws InterruptedError. The end of the epoch is the caller's to save, after what depends on its record.
  EpochRecord epoch(const RunHooks& hooks, const std::function<void(const TrainingRun&)>& after_step,
                    const std::stop_token& stop);
  /// Writes the file, atomically.
  void save(const RunHooks& hooks);

  TrainingRun& run() { return run_; }
  const TrainingRun& run() const { return run_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::filesystem::path file_;
  const Graph& graph_;
  FormatId format_;
  TrainingRun run_;
  std::map<std::string, std::string> identity_;
  Clock::time_point saved_ = Clock::now();
};

}  // namespace gradzone
