// The CUDA kernels of bf16.
#include "gradzone/kernels/cuda/make_cuda_kernels.cuh"

namespace gradzone {
template std::unique_ptr<Kernels<Bf16, DeviceMemory>> make_cuda_kernels<Bf16>(DeviceMemory, Order);
}  // namespace gradzone
