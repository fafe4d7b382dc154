// A stream of a card as a queue of kernel bodies (launch.hpp).
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cuda/cuda_device.hpp"
#include "gradzone/kernels/cuda/launch.hpp"

namespace gradzone::device {

/// Every call's answer is looked at; work that failed shows in the next call.
inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw InterruptedError(std::string("the CUDA device failed: ") + what + ": " + cudaGetErrorString(error));
}

/// Blocks that a multiprocessor holds at least, so that some compute while others wait: registers for that.
template <class Body>
inline constexpr int resident_blocks = 1;
template <class Body>
requires(Body::resident_blocks > 1) inline constexpr int resident_blocks<Body> = Body::resident_blocks;

template <class Body>
__global__ void __launch_bounds__(Body::threads, resident_blocks<Body>) run_body(const Body body) {
  extern __shared__ __align__(16) unsigned char memory[];
  auto& shared = *reinterpret_cast<typename Body::Shared*>(memory);
  typename Body::State state;
  const Index block = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  body.begin(block, thread, shared, state);
  __syncthreads();
  const int steps = body.steps(block, state);
  for (int s = 0; s < steps; ++s) {
    body.step(s, block, thread, shared, state);
    __syncthreads();
  }
  body.end(block, thread, shared, state);
}

class CudaQueue {
 public:
  /// `device` must outlive it.
  explicit CudaQueue(const CudaDevice& device) : device_(&device) {}

  template <class Body>
  void run(Index blocks, const Body& body) const {
    constexpr std::size_t shared = sizeof(typename Body::Shared), allowed_unasked = 48 * 1024;
    if constexpr (shared > allowed_unasked) {
      check(cudaFuncSetAttribute(run_body<Body>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shared)),
            "shared memory");
    }
    run_body<<<static_cast<unsigned>(blocks), Body::threads, shared, device_->stream()>>>(body);
    check(cudaGetLastError(), "launch");
  }

 private:
  const CudaDevice* device_;
};

}  // namespace gradzone::device
