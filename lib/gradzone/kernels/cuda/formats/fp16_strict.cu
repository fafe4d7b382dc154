// The CUDA kernels of fp16-strict.
#include "gradzone/kernels/cuda/make_cuda_kernels.cuh"

namespace gradzone {
template std::unique_ptr<Kernels<Fp16Strict, DeviceMemory>> make_cuda_kernels<Fp16Strict>(DeviceMemory,
                                                                                          Order);
}  // namespace gradzone
