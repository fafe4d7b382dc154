// The CUDA kernels of fp64.
#include "gradzone/kernels/cuda/make_cuda_kernels.cuh"

namespace gradzone {
template std::unique_ptr<Kernels<Fp64, DeviceMemory>> make_cuda_kernels<Fp64>(DeviceMemory, Order);
}  // namespace gradzone
