// make_cuda_kernels of a format; each file of formats/ compiles it for one.
#pragma once

#include "gradzone/kernels/cuda/cuda_device.hpp"
#include "gradzone/kernels/cuda/cuda_kernels.hpp"
#include "gradzone/kernels/cuda/cuda_queue.cuh"
#include "gradzone/kernels/cuda/kernels_on.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_cuda_kernels(DeviceMemory memory) {
  const auto& card = static_cast<const CudaDevice&>(*memory.device);
  return std::make_unique<device::KernelsOn<F, device::CudaQueue>>(memory, device::CudaQueue(card.stream()),
                                                                   make_cpu_kernels<F>(Order::chain));
}

}  // namespace gradzone
