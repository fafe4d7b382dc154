// The CUDA kernels of fp32.
#include "gradzone/kernels/cuda/make_cuda_kernels.cuh"

namespace gradzone {
template std::unique_ptr<Kernels<Fp32, DeviceMemory>> make_cuda_kernels<Fp32>(DeviceMemory, Order);
}  // namespace gradzone
