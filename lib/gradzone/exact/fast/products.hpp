// Products of the multiword arithmetic: convolution and both of its gradients, on block fixed point numbers.
//
// Each sum is defined exactly, so that every instruction set returns the same digits: with
// x = sum x_j 2^(-52(j+1)) and w = sum w_i 2^(-52(i+1)), it is the integer sum of all digit products w_i x_j
// with i + j < limbs, each taken in full. The products left out, i + j >= limbs, are in the returned error
// bound, which is 0 where there are none. Large products may be computed by a device (device_products.hpp).
// The contraction may have any length. Work is shared on the threads of the current oneTBB arena; scratch
// memory is a few panels per thread, and the weights once.
#pragma once

#include <map>
#include <mutex>
#include <utility>

#include "gradzone/exact/fast/device_products.hpp"
#include "gradzone/exact/fast/fixed_tensor.hpp"
#include "gradzone/exact/fast/product_kernel.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

/// What a weight looks like to the kernels, made once for all evaluations of a network, when it is first
/// needed: forward and backward, as rows or as columns; and on the device, if there is one. Thread-safe.
class WeightPacks {
 public:
  enum class Role { forward_rows, forward_columns, backward_rows, backward_columns };

  /// `device` (may be nullptr) computes those products with the weight, and its gradient, that it takes.
  explicit WeightPacks(std::shared_ptr<DeviceProducts> device = nullptr) : device_(std::move(device)) {}

  DeviceProducts* device() const { return device_.get(); }
  /// The weight on the device. Precondition: there is one.
  const DeviceProducts::Kept& kept(const FixedTensor& w) {
    const std::lock_guard lock(mutex_);
    if (!kept_) kept_ = std::make_unique<const DeviceProducts::Kept>(device_, w);
    return *kept_;
  }

  /// The packed weight, by `make` if it is not there yet.
  template <class Make>
  const DigitVector& get(const ProductKernel& kernel, Role role, Make&& make) {
    const std::lock_guard lock(mutex_);
    DigitVector& pack = packs_[{&kernel, role}];
    if (pack.empty()) pack = make();
    return pack;
  }

 private:
  std::mutex mutex_;
  const std::shared_ptr<DeviceProducts> device_;
  std::unique_ptr<const DeviceProducts::Kept> kept_;
  std::map<std::pair<const ProductKernel*, Role>, DigitVector> packs_;
};

/// y[n, o, i, j] = sum over kernel and channels of w x (no bias). x: [N, c, h, w], one exponent per image; w:
/// [out, in, kh, kw], one exponent; `packs` are those of w, if they are worth keeping. A linear layer is the
/// 1x1 convolution of [N, features, 1, 1].
FixedSums fixed_convolve(const Conv2d& op, const FixedTensor& x, const FixedTensor& w, int limbs,
                         WeightPacks* packs = nullptr);

/// dx, of shape `x_shape`, from dy: [N, out, h', w'], one exponent per image.
FixedSums fixed_convolve_input_gradient(const Conv2d& op, const FixedTensor& dy, const FixedTensor& w,
                                        const Shape& x_shape, int limbs, WeightPacks* packs = nullptr);

/// dw[o, c, p, q], summed over images as well, in one block whose first digit may be as large as 2^62. Images
/// of differing exponents are aligned to the largest exponent(x) + exponent(dy) among those that are not
/// zero. Every entry is within `error` units of the last place, 2^(exponent - 52 limbs), of the sum: what was
/// left out of it, and the digits beyond `limbs` places (balanced digits round to nearest when they are cut
/// off).
/// `device` (may be nullptr) computes it if it takes it.
FixedTensor fixed_convolve_weight_gradient(const Conv2d& op, const FixedTensor& x, const FixedTensor& dy,
                                           int limbs, double& error, DeviceProducts* device = nullptr);

/// The kernel that products use: the fastest of the machine, until another one is asked for (tests compare
/// them; the results are the same).
const ProductKernel& product_kernel();
void use_product_kernel(const ProductKernel* kernel);

}  // namespace gradzone
