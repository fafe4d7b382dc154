// What the CUDA part of the library defines (formats/, compiled by nvcc), or no_cuda.cpp in its place.
#pragma once

#include "gradzone/kernels/cuda/device_kernels.hpp"

namespace gradzone {

/// As make_device_kernels. Precondition: memory.device is of make_cuda_device().
template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_cuda_kernels(DeviceMemory memory, Order order);

}  // namespace gradzone
