// Mini-batches for training: shuffled, augmented, and prepared by a thread in the background.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "gradzone/data/batch_plan.hpp"

namespace gradzone {

/// One mini-batch and its place in the run.
struct LoadedBatch {
  Tensor<float> x;  ///< [N, c, h, w]
  std::vector<int> labels;
  Index epoch = 0, step = 0;
};

/// Walks through a data set epoch after epoch, each image once in each, as a BatchPlanner says. So a run
/// continues anywhere by seek(), and neither threads nor timing matter.
class BatchLoader {
 public:
  /// Keeps a reference to `data`. Throws UsageError for a batch below 1 and for vectors that are to be
  /// augmented. Precondition: labelled data.
  BatchLoader(const Dataset& data, const LoaderOptions& options);
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;
  ~BatchLoader();

  /// Mini-batches in an epoch.
  Index steps() const { return planner_.steps(); }
  /// Makes (epoch, step) the next mini-batch. A new loader begins at (0, 0). Precondition: 0 <= epoch, 0 <=
  /// step < steps().
  void seek(Index epoch, Index step);
  /// The next mini-batch, valid until the next call of next() or seek(); epochs follow one another without
  /// end. Throws what reading the images throws, then and ever after.
  const LoadedBatch& next();

 private:
  struct Slot {
    LoadedBatch batch;
    std::exception_ptr error;
  };

  void stop();
  void run(std::stop_token stop, Index epoch, Index step);
  void load(BatchPlan plan, LoadedBatch& batch) const;
  void load_image(const BatchPlan& plan, std::size_t i, std::span<float> out) const;

  BatchPlanner planner_;                    ///< the background thread's, while there is one
  Index first_epoch_ = 0, first_step_ = 0;  ///< where it begins

  // A ring: the caller holds the last slot taken, the background thread fills the free ones.
  std::array<Slot, 3> slots_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t filled_ = 0, taken_ = 0;  ///< slots ever filled and taken; guarded by mutex_
  std::jthread thread_;
};

}  // namespace gradzone
