// What a training step does to flat arrays on a device, beside the kernels of the passes.
#pragma once

#include <memory>

#include "gradzone/kernels/cuda/device.hpp"
#include "gradzone/train/update.hpp"

namespace gradzone {

/// Images [c, h, w] on a device, one after the other, and the colour beyond their borders, for each channel.
struct ImagesView {
  const float *values, *border;
  Index channels, height, width;
};
/// A window of one of them, which has the image's size and begins at (top, left), perhaps mirrored.
struct ImageCut {
  Index image, top, left;
  bool flip;
};

/// F: the format that parameters are kept in. Pointers are the device's.
template <class F>
class DeviceUpdates {
 public:
  using Real = typename F::Real;
  virtual ~DeviceUpdates() = default;

  virtual void sgd(const SgdScalars<Real>& scalars, const Slices<Real>& slices, Index count) const = 0;
  virtual void adam(const AdamScalars<Real>& scalars, const Slices<Real>& slices, Index count) const = 0;
  /// Waits for the answer.
  virtual bool all_finite(const Real* values, Index count) const = 0;
  /// values *= factor, in the accumulator.
  virtual void scale(Real* values, Index count, Real factor) const = 0;
  /// running_statistics.hpp, for one layer.
  virtual void running_statistics(const Real* mean, const Real* variance, Real unbiased, Real* running_mean,
                                  Real* running_variance, Index channels) const = 0;
  /// x [count, h, w, c]: the cuts, not rounded.
  virtual void cut_images(const ImagesView& images, const ImageCut* cuts, Index count, Real* x) const = 0;
};

/// `device` must outlive them.
template <class F>
std::unique_ptr<DeviceUpdates<F>> make_device_updates(Device& device);
/// The same for a device of make_cuda_device(): defined by device_updates.cu or no_cuda.cpp.
template <class F>
std::unique_ptr<DeviceUpdates<F>> make_cuda_updates(Device& device);

}  // namespace gradzone
