#include "gradzone/kernels/cuda/cuda_device.hpp"
#include "gradzone/kernels/cuda/cuda_queue.cuh"
#include "gradzone/train/device_updates_on.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<DeviceUpdates<F>> make_cuda_updates(Device& device) {
  const auto& card = static_cast<const CudaDevice&>(device);
  return std::make_unique<device::UpdatesOn<F, device::CudaQueue>>(device::CudaQueue(card));
}

template std::unique_ptr<DeviceUpdates<Fp64>> make_cuda_updates<Fp64>(Device&);
template std::unique_ptr<DeviceUpdates<Fp32>> make_cuda_updates<Fp32>(Device&);
template std::unique_ptr<DeviceUpdates<Fp16>> make_cuda_updates<Fp16>(Device&);
template std::unique_ptr<DeviceUpdates<Bf16>> make_cuda_updates<Bf16>(Device&);
template std::unique_ptr<DeviceUpdates<Fp16Strict>> make_cuda_updates<Fp16Strict>(Device&);

}  // namespace gradzone
