// The integer products of the reference engine on a card.
#include "gradzone/kernels/cuda/cuda_device.hpp"
#include "gradzone/kernels/cuda/cuda_queue.cuh"
#include "gradzone/kernels/cuda/integer_kernels_on.hpp"

namespace gradzone {

std::unique_ptr<IntegerKernels> make_cuda_integer_kernels(Device& device) {
  const auto& card = static_cast<const CudaDevice&>(device);
  return std::make_unique<device::IntegerKernelsOn<device::CudaQueue>>(device, device::CudaQueue(card));
}

}  // namespace gradzone
