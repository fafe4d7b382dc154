// A build without CUDA.
#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cuda/cuda_kernels.hpp"
#include "gradzone/kernels/cuda/integer_kernels.hpp"

namespace gradzone {

std::unique_ptr<Device> make_cuda_device() {
  throw UsageError("this build has no CUDA: configure it with -D GRADZONE_CUDA=ON (docs/cuda.md)");
}

// Never reached: there is no such device.
std::unique_ptr<IntegerKernels> make_cuda_integer_kernels(Device&) {
  return nullptr;
}
template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_cuda_kernels(DeviceMemory, Order) {
  return nullptr;
}
template std::unique_ptr<Kernels<Fp64, DeviceMemory>> make_cuda_kernels<Fp64>(DeviceMemory, Order);
template std::unique_ptr<Kernels<Fp32, DeviceMemory>> make_cuda_kernels<Fp32>(DeviceMemory, Order);
template std::unique_ptr<Kernels<Fp16, DeviceMemory>> make_cuda_kernels<Fp16>(DeviceMemory, Order);
template std::unique_ptr<Kernels<Bf16, DeviceMemory>> make_cuda_kernels<Bf16>(DeviceMemory, Order);
template std::unique_ptr<Kernels<Fp16Strict, DeviceMemory>> make_cuda_kernels<Fp16Strict>(DeviceMemory,
                                                                                          Order);

}  // namespace gradzone
