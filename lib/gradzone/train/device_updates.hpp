// What a training step does to flat arrays on a device, beside the kernels of the passes.
#pragma once

#include <cstddef>
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

/// What differs from step to step, so that the rest can be recorded: the optimiser's scalars, of which one
/// kind is used, and the loss scale of amp16.
template <class Real>
struct StepScalars {
  SgdScalars<Real> sgd;
  AdamScalars<Real> adam;
  Real scale, inverse_scale;
};

/// An update is made unless a gradient or the loss is not finite; null pointers mean that they are.
template <class Real>
struct OnlyFinite {
  const int* non_finite;
  const Real* loss;
};

/// What report() leaves: the loss, 0 unless a gradient is not finite, the logits.
struct StepReport {
  static constexpr std::ptrdiff_t loss = 0, non_finite = 1, logits = 2;
  static constexpr std::size_t size(Index of_logits) { return static_cast<std::size_t>(logits + of_logits); }
};

/// F: the format that parameters are kept in. Pointers are the device's.
template <class F>
class DeviceUpdates {
 public:
  using Real = typename F::Real;
  virtual ~DeviceUpdates() = default;

  virtual void sgd(const SgdScalars<Real>* scalars, const Slices<Real>& slices, Index count,
                   const OnlyFinite<Real>& condition) const = 0;
  virtual void adam(const AdamScalars<Real>* scalars, const Slices<Real>& slices, Index count,
                    const OnlyFinite<Real>& condition) const = 0;
  /// *found is 1 if a value is not finite, else 0.
  virtual void find_non_finite(const Real* values, Index count, int* found) const = 0;
  /// values *= *factor, in the accumulator.
  virtual void scale(Real* values, Index count, const Real* factor) const = 0;
  /// out: a StepReport of so many logits.
  virtual void report(const Real* loss, const int* non_finite, const Real* logits, Index count,
                      Real* out) const = 0;
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
