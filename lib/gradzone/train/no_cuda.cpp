// A build without CUDA; never reached, as there is no such device (kernels/cuda/no_cuda.cpp).
#include "gradzone/arith/formats.hpp"
#include "gradzone/train/device_updates.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<DeviceUpdates<F>> make_cuda_updates(Device&) {
  return nullptr;
}
template std::unique_ptr<DeviceUpdates<Fp64>> make_cuda_updates<Fp64>(Device&);
template std::unique_ptr<DeviceUpdates<Fp32>> make_cuda_updates<Fp32>(Device&);
template std::unique_ptr<DeviceUpdates<Fp16>> make_cuda_updates<Fp16>(Device&);
template std::unique_ptr<DeviceUpdates<Bf16>> make_cuda_updates<Bf16>(Device&);
template std::unique_ptr<DeviceUpdates<Fp16Strict>> make_cuda_updates<Fp16Strict>(Device&);

}  // namespace gradzone
