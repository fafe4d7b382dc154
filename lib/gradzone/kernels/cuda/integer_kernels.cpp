#include "gradzone/kernels/cuda/integer_kernels.hpp"

#include "gradzone/kernels/cuda/host_device.hpp"
#include "gradzone/kernels/cuda/integer_kernels_on.hpp"

namespace gradzone {

std::unique_ptr<IntegerKernels> make_integer_kernels(Device& device) {
  auto* host = dynamic_cast<HostDevice*>(&device);
  if (host == nullptr) return make_cuda_integer_kernels(device);
  return std::make_unique<device::IntegerKernelsOn<device::HostQueue>>(device, device::HostQueue(*host));
}

}  // namespace gradzone
