#include "gradzone/kernels/cuda/device_kernels.hpp"

#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cuda/cuda_kernels.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"
#include "gradzone/kernels/cuda/kernels_on.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_device_kernels(DeviceMemory memory) {
  if (dynamic_cast<const HostDevice*>(memory.device) == nullptr) return make_cuda_kernels<F>(memory);
  return std::make_unique<device::KernelsOn<F, device::HostQueue>>(memory, device::HostQueue(),
                                                                   make_cpu_kernels<F>(Order::chain));
}

void check_device_order(Order order, const std::string& format) {
  if (order != Order::chain)
    throw UsageError(format + ": cards sum in the order chain only; use --device cpu");
}

template std::unique_ptr<Kernels<Fp64, DeviceMemory>> make_device_kernels<Fp64>(DeviceMemory);
template std::unique_ptr<Kernels<Fp32, DeviceMemory>> make_device_kernels<Fp32>(DeviceMemory);
template std::unique_ptr<Kernels<Fp16, DeviceMemory>> make_device_kernels<Fp16>(DeviceMemory);
template std::unique_ptr<Kernels<Bf16, DeviceMemory>> make_device_kernels<Bf16>(DeviceMemory);
template std::unique_ptr<Kernels<Fp16Strict, DeviceMemory>> make_device_kernels<Fp16Strict>(DeviceMemory);

}  // namespace gradzone
