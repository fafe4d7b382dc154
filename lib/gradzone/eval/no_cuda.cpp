// A build without CUDA; never reached, as there is no such device (kernels/cuda/no_cuda.cpp).
#include "gradzone/eval/search.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<Search<F, DeviceMemory>> make_cuda_search(DeviceMemory) {
  return nullptr;
}
template std::unique_ptr<Search<Fp64, DeviceMemory>> make_cuda_search<Fp64>(DeviceMemory);
template std::unique_ptr<Search<Fp32, DeviceMemory>> make_cuda_search<Fp32>(DeviceMemory);
template std::unique_ptr<Search<Fp16, DeviceMemory>> make_cuda_search<Fp16>(DeviceMemory);
template std::unique_ptr<Search<Bf16, DeviceMemory>> make_cuda_search<Bf16>(DeviceMemory);
template std::unique_ptr<Search<Fp16Strict, DeviceMemory>> make_cuda_search<Fp16Strict>(DeviceMemory);

}  // namespace gradzone
