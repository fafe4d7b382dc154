#include "gradzone/kernels/cuda/cuda_device.hpp"

#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cuda/cuda_queue.cuh"

namespace gradzone {

using device::check;

CudaDevice::CudaDevice() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    throw UsageError(std::string("no CUDA device here") +
                     (error == cudaSuccess ? "" : std::string(": ") + cudaGetErrorString(error)));
  }
  int current = 0;
  cudaDeviceProp properties;
  check(cudaGetDevice(&current), "device");
  check(cudaGetDeviceProperties(&properties, current), "properties");
  name_ = properties.name;
  multiprocessors_ = properties.multiProcessorCount;
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream");
}

CudaDevice::~CudaDevice() {
  cudaStreamDestroy(stream_);
}

void* CudaDevice::allocate(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), "memory");
  return memory;
}

// What was queued on the memory is done when cudaFree returns.
void CudaDevice::release(void* memory) noexcept {
  cudaFree(memory);
}

void CudaDevice::copy_to_device(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "copy to the device");
}

void CudaDevice::copy_to_host(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "copy to the host");
  wait();
}

void CudaDevice::copy(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copy");
}

void CudaDevice::copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                           std::size_t bytes, std::size_t rows) {
  check(cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, bytes, rows, cudaMemcpyDeviceToDevice, stream_),
        "copy of rows");
}

void CudaDevice::wait() {
  check(cudaStreamSynchronize(stream_), "wait");
}

std::unique_ptr<Device> make_cuda_device() {
  return std::make_unique<CudaDevice>();
}

}  // namespace gradzone
