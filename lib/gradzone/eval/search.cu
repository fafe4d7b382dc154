#include "gradzone/eval/search_on.hpp"
#include "gradzone/kernels/cuda/cuda_device.hpp"
#include "gradzone/kernels/cuda/cuda_queue.cuh"

namespace gradzone {

template <class F>
std::unique_ptr<Search<F, DeviceMemory>> make_cuda_search(DeviceMemory memory) {
  const auto& card = static_cast<const CudaDevice&>(*memory.device);
  return std::make_unique<device::SearchOn<F, device::CudaQueue>>(memory, device::CudaQueue(card));
}

template std::unique_ptr<Search<Fp64, DeviceMemory>> make_cuda_search<Fp64>(DeviceMemory);
template std::unique_ptr<Search<Fp32, DeviceMemory>> make_cuda_search<Fp32>(DeviceMemory);
template std::unique_ptr<Search<Fp16, DeviceMemory>> make_cuda_search<Fp16>(DeviceMemory);
template std::unique_ptr<Search<Bf16, DeviceMemory>> make_cuda_search<Bf16>(DeviceMemory);
template std::unique_ptr<Search<Fp16Strict, DeviceMemory>> make_cuda_search<Fp16Strict>(DeviceMemory);

}  // namespace gradzone
