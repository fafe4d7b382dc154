// The integer products of the reference engine on a device: exact, and so the same as on a CPU.
#pragma once

#include <memory>

#include "gradzone/kernels/cuda/bodies/integer_products.hpp"
#include "gradzone/kernels/cuda/device.hpp"

namespace gradzone {

enum class ConvolutionSums { output, input_gradient, weight_gradient };

/// All pointers are to memory of the device. The first factor is w, w and dy, the second x, dy and x.
class IntegerKernels {
 public:
  virtual ~IntegerKernels() = default;

  /// Of each sum, the digit products with i + j < out.limbs. Precondition: terms times pairs of digits at a
  /// place are at most 2^24.
  virtual void multiply_digits(ConvolutionSums which, const device::ConvolutionShape& shape,
                               const device::Planes<std::int64_t>& a, const device::Planes<std::int64_t>& b,
                               const device::DigitPlanes& out) = 0;
  /// `bias` (or null): of the output channels.
  virtual void multiply_residues(ConvolutionSums which, const device::ConvolutionShape& shape,
                                 std::int32_t prime, const std::int32_t* a, const std::int32_t* b,
                                 const std::int32_t* bias, std::int32_t* out) = 0;
};

/// For memory on `device`, which must outlive them.
std::unique_ptr<IntegerKernels> make_integer_kernels(Device& device);

/// What the CUDA part of the library defines, or no_cuda.cpp in its place. Precondition: the device is of
/// make_cuda_device().
std::unique_ptr<IntegerKernels> make_cuda_integer_kernels(Device& device);

}  // namespace gradzone
