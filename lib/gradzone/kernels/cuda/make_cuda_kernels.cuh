// make_cuda_kernels of a format; each file of formats/ compiles it for one.
#pragma once

#include "gradzone/kernels/cuda/cuda_device.hpp"
#include "gradzone/kernels/cuda/cuda_kernels.hpp"
#include "gradzone/kernels/cuda/cuda_queue.cuh"
#include "gradzone/kernels/cuda/tensor_core_kernels.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_cuda_kernels(DeviceMemory memory, Order order) {
  const auto& card = static_cast<const CudaDevice&>(*memory.device);
  return device::make_kernels_on<F>(memory, device::CudaQueue(card), order, [&](device::Factor factor) {
    return device::make_cuda_products(*memory.device, factor);
  });
}

}  // namespace gradzone
