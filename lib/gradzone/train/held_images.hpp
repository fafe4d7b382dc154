// HeldImages: the images of a data set on a device, of which mini-batches are cut there.
#pragma once

#include <vector>

#include "gradzone/data/batch_plan.hpp"
#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/train/device_updates.hpp"

namespace gradzone {

class HeldImages {
 public:
  /// Whether they fit: into a quarter of the memory that is left.
  static bool fit(const Device& device, const Dataset& data);
  /// Throws what reading the images throws.
  HeldImages(Device& device, const Dataset& data);

  ImagesView view() const;

 private:
  Shape shape_;  ///< [c, h, w]; [1, 1, d] of vectors
  DeviceArray<float> values_, border_;
};

std::vector<ImageCut> cuts_of(const BatchPlan& plan);

}  // namespace gradzone
