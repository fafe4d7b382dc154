// DeviceProducts: the large products of the fast engine on a device (kernels/cuda/). Digits, exponents, error
// bounds and residues are those of a CPU, because they are exact integers; small products stay on the CPU,
// which is done before they would be there and back.
//
// Thread-safe: one product at a time is on the device.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "gradzone/exact/fast/fixed_tensor.hpp"
#include "gradzone/exact/fast/residue_field.hpp"
#include "gradzone/graph/operations.hpp"
#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/cuda/integer_kernels.hpp"
#include "gradzone/kernels/processor.hpp"

namespace gradzone {

struct ResidueConvolution;

/// Products of digits (or an eighth as many of residues) that are worth the way: a few milliseconds of a CPU.
inline constexpr double worth_a_device = 0x1p24;

class DeviceProducts {
 public:
  /// The device is used by nobody else. `least`: products of digits that are worth the way.
  explicit DeviceProducts(std::unique_ptr<Device> device, double least = worth_a_device);

  std::string device_name() const { return device_->name(); }

  /// Digits that stay on the device, such as those of a weight.
  class Kept {
   public:
    Kept(std::shared_ptr<DeviceProducts> owner, const FixedTensor& t);
    ~Kept();
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;

   private:
    friend class DeviceProducts;
    device::Planes<std::int64_t> planes() const { return {digits_.data(), limbs_, entries_}; }

    std::shared_ptr<DeviceProducts> owner_;
    int limbs_;
    Index entries_;
    DeviceArray<std::int64_t> digits_;
  };

  /// Whether the sums of a convolution of `images` inputs of h x w go to the device: those of `terms` digits
  /// of a_limbs times b_limbs.
  bool takes(const Conv2d& op, Index images, Index h, Index w, Index terms, int a_limbs, int b_limbs,
             int limbs) const;
  bool takes(const ResidueConvolution& c, Index terms) const;

  /// Where digits of sums go: planes of weights 2^52 (with carry_plane), 1, 2^-52, ..., as many as there are.
  struct Out {
    DigitVector& digits;
    Index entries;
    int planes, limbs;
    bool carry_plane;
  };
  /// fixed_convolve and its gradients, the sums alone, of a kept weight.
  void convolve(const Conv2d& op, const FixedTensor& x, const Kept& w, const Out& y);
  void convolve_input_gradient(const Conv2d& op, const FixedTensor& dy, const Kept& w, const Shape& x_shape,
                               const Out& dx);
  /// Returns whether a digit beyond the planes of dw is not zero.
  bool convolve_weight_gradient(const Conv2d& op, const FixedTensor& x, const FixedTensor& dy, const Out& dw);

  /// As the functions of residue_products.hpp.
  void convolve(const ResidueField& field, const ResidueConvolution& c, const Residue* x, const Residue* w,
                std::span<const Residue> bias, Residue* y);
  void convolve_input_gradient(const ResidueField& field, const ResidueConvolution& c, const Residue* dy,
                               const Residue* w, Residue* dx);
  void convolve_weight_gradient(const ResidueField& field, const ResidueConvolution& c, const Residue* x,
                                const Residue* dy, Residue* dw);

 private:
  using Residues = std::span<const Residue>;
  /// Returns whether digits beyond the planes of `out` are not zero. Precondition: the mutex is held.
  bool multiply(ConvolutionSums which, const device::ConvolutionShape& shape,
                const device::Planes<std::int64_t>& a, const FixedTensor& b, const Out& out);
  void multiply(ConvolutionSums which, const ResidueField& field, const ResidueConvolution& c, Residues a,
                Residues b, Residues bias, std::span<Residue> out);

  const double least_;
  std::mutex mutex_;  ///< of all that follows
  std::unique_ptr<Device> device_;
  std::unique_ptr<IntegerKernels> kernels_;
  DeviceArray<std::int64_t> a_, b_, out_;
  DeviceArray<int> below_;
  DeviceArray<Residue> residues_a_, residues_b_, bias_, residues_out_;
};

/// Of the card of this machine, or null for the CPU. Throws UsageError if there is none.
std::shared_ptr<DeviceProducts> make_products(Processor processor);

}  // namespace gradzone
