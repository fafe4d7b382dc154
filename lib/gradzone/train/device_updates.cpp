#include "gradzone/train/device_updates.hpp"

#include "gradzone/kernels/cuda/host_device.hpp"
#include "gradzone/train/device_updates_on.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<DeviceUpdates<F>> make_device_updates(Device& device) {
  auto* host = dynamic_cast<HostDevice*>(&device);
  if (host == nullptr) return make_cuda_updates<F>(device);
  return std::make_unique<device::UpdatesOn<F, device::HostQueue>>(device::HostQueue(*host));
}

template std::unique_ptr<DeviceUpdates<Fp64>> make_device_updates<Fp64>(Device&);
template std::unique_ptr<DeviceUpdates<Fp32>> make_device_updates<Fp32>(Device&);
template std::unique_ptr<DeviceUpdates<Fp16>> make_device_updates<Fp16>(Device&);
template std::unique_ptr<DeviceUpdates<Bf16>> make_device_updates<Bf16>(Device&);
template std::unique_ptr<DeviceUpdates<Fp16Strict>> make_device_updates<Fp16Strict>(Device&);

}  // namespace gradzone
