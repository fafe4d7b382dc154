#include "gradzone/kernels/cuda/device_kernels.hpp"

#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cuda/cuda_kernels.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"
#include "gradzone/kernels/cuda/tensor_core_kernels.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_device_kernels(DeviceMemory memory, Order order) {
  auto* host = dynamic_cast<HostDevice*>(memory.device);
  if (host == nullptr) return make_cuda_kernels<F>(memory, order);
  return device::make_kernels_on<F>(memory, device::HostQueue(*host), order, [&](device::Factor factor) {
    return device::make_host_products(*host, factor);
  });
}

void check_device_order(Order order, const std::string& format) {
  if (order != Order::chain && order != Order::tensor_cores)
    throw UsageError(format + ": cards sum in the order chain only; use --device cpu");
}

template std::unique_ptr<Kernels<Fp64, DeviceMemory>> make_device_kernels<Fp64>(DeviceMemory, Order);
template std::unique_ptr<Kernels<Fp32, DeviceMemory>> make_device_kernels<Fp32>(DeviceMemory, Order);
template std::unique_ptr<Kernels<Fp16, DeviceMemory>> make_device_kernels<Fp16>(DeviceMemory, Order);
template std::unique_ptr<Kernels<Bf16, DeviceMemory>> make_device_kernels<Bf16>(DeviceMemory, Order);
template std::unique_ptr<Kernels<Fp16Strict, DeviceMemory>> make_device_kernels<Fp16Strict>(DeviceMemory,
                                                                                            Order);

}  // namespace gradzone
