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

#include "gradzone/data/augment.hpp"
#include "gradzone/data/dataset.hpp"

namespace gradzone {

struct LoaderOptions {
  Index batch = 128;  ///< images in a mini-batch; the last one of an epoch has what is left
  bool shuffle = true;
  Augmentation augmentation = Augmentation::none;
  std::uint64_t seed = 0;
};

/// One mini-batch and its place in the run.
struct LoadedBatch {
  Tensor<float> x;  ///< [N, c, h, w]
  std::vector<int> labels;
  Index epoch = 0, step = 0;
};

/// Walks through a data set epoch after epoch, each image once in each. The content of mini-batch (epoch,
/// step) depends on the data set, the options, epoch and step alone: the order is a permutation drawn from
/// the stream (seed, "train order", epoch), or file order; augmentation of image i draws from (seed,
/// "augment", epoch * size + i). So a run continues anywhere by seek(), and neither threads nor timing
/// matter.
class BatchLoader {
 public:
  /// Keeps a reference to `data`. Throws UsageError for a batch below 1 and for vectors that are to be
  /// augmented. Precondition: labelled data.
  BatchLoader(const Dataset& data, const LoaderOptions& options);
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;
  ~BatchLoader();

  /// Mini-batches in an epoch.
  Index steps() const;
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
  void load(const std::vector<Index>& order, LoadedBatch& batch) const;
  void load_image(Index epoch, Index image, std::span<float> out) const;

  const Dataset& data_;
  LoaderOptions options_;
  Index first_epoch_ = 0, first_step_ = 0;  ///< where the background thread begins
  std::vector<float> border_;               ///< of crop_flip, one entry per channel

  // A ring: the caller holds the last slot taken, the background thread fills the free ones.
  std::array<Slot, 3> slots_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t filled_ = 0, taken_ = 0;  ///< slots ever filled and taken; guarded by mutex_
  std::jthread thread_;
};

}  // namespace gradzone
