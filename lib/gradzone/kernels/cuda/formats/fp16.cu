// The CUDA kernels of fp16.
#include "gradzone/kernels/cuda/make_cuda_kernels.cuh"

namespace gradzone {
template std::unique_ptr<Kernels<Fp16, DeviceMemory>> make_cuda_kernels<Fp16>(DeviceMemory, Order);
}  // namespace gradzone
