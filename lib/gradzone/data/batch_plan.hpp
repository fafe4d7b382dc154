// What the mini-batches of a training are made of: which images, and how each is cut.
#pragma once

#include <cstdint>
#include <span>
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
struct BatchPlan {
  const Dataset* data = nullptr;
  Index epoch = 0, step = 0;
  std::vector<Index> images;
  std::vector<CropFlip> crops;  ///< of each; empty: as they are, or pieces that only the loader knows
  std::vector<int> labels;
};

/// The plan of mini-batch (epoch, step) depends on the data set, the options, epoch and step alone: the order
/// is a permutation drawn from the stream (seed, "train order", epoch), or file order; the crop of image i is
/// drawn from (seed, "augment", epoch * size + i).
class BatchPlanner {
 public:
  /// Keeps a reference to `data`. Throws UsageError for a batch below 1 and for vectors that are to be
  /// augmented. Precondition: labelled data.
  BatchPlanner(const Dataset& data, const LoaderOptions& options);

  const Dataset& data() const { return data_; }
  const LoaderOptions& options() const { return options_; }
  /// Mini-batches in an epoch.
  Index steps() const { return (data_.size() + options_.batch - 1) / options_.batch; }
  /// Precondition: 0 <= epoch, 0 <= step < steps().
  BatchPlan plan(Index epoch, Index step);
  RandomStream augmentation_of(Index epoch, Index image) const {
    return {options_.seed, "augment", static_cast<std::uint64_t>(epoch * data_.size() + image)};
  }

 private:
  const Dataset& data_;
  LoaderOptions options_;
  std::vector<Index> order_;  ///< of ordered_epoch_
  Index ordered_epoch_ = -1;
};

/// Image i of the plan, as the network sees it. `out` has c * h * w places.
void planned_image(const BatchPlan& plan, std::size_t i, std::span<float> out);
/// All of them, [N, c, h, w].
Tensor<float> planned_images(const BatchPlan& plan);

}  // namespace gradzone
