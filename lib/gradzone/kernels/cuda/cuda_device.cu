#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cuda/cuda_device.hpp"
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
  for (cudaStream_t* stream : {&stream_, &side_stream_})
    check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "stream");
  for (cudaEvent_t* event : {&fork_, &join_})
    check(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "event");
}

CudaDevice::~CudaDevice() {
  for (cudaEvent_t event : {fork_, join_}) cudaEventDestroy(event);
  for (cudaStream_t stream : {side_stream_, stream_}) cudaStreamDestroy(stream);
}

std::size_t CudaDevice::free_memory() const {
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "free memory");
  return free;
}

void* CudaDevice::allocate(std::size_t bytes) {
  ++changes_;
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), "memory");
  return memory;
}

// What was queued on the memory is done when cudaFree returns.
void CudaDevice::release(void* memory) noexcept {
  ++changes_;
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
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()), "copy");
}

void CudaDevice::copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                           std::size_t bytes, std::size_t rows) {
  check(cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, bytes, rows, cudaMemcpyDeviceToDevice, stream()),
        "copy of rows");
}

void CudaDevice::wait() {
  check(cudaStreamSynchronize(stream_), "wait");
}

void CudaDevice::side_by_side(const std::function<void()>& first, const std::function<void()>& second) {
  check(cudaEventRecord(fork_, stream_), "fork");
  check(cudaStreamWaitEvent(side_stream_, fork_, 0), "fork");
  beside_ = true;
  try {
    first();
  } catch (...) {
    beside_ = false;
    throw;
  }
  beside_ = false;
  check(cudaEventRecord(join_, side_stream_), "join");
  second();
  check(cudaStreamWaitEvent(stream_, join_, 0), "join");
}

void CudaDevice::run(Recording& recording, const std::function<void()>& work) {
  constexpr int runs_to_settle = 2;  // until memory has its final size
  if (recording.graph) {
    check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording.graph.get()), stream_), "graph");
    return;
  }
  if (recording.runs++ < runs_to_settle) return work();
  const long changes = changes_;
  cudaGraph_t graph = nullptr;
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "recording");
  try {
    work();
  } catch (...) {
    cudaStreamEndCapture(stream_, &graph);
    throw;
  }
  check(cudaStreamEndCapture(stream_, &graph), "end of a recording");
  if (changes == changes_) {
    cudaGraphExec_t playable = nullptr;
    check(cudaGraphInstantiate(&playable, graph, 0), "recorded graph");
    recording.graph = {static_cast<void*>(playable), [stream = stream_](void* p) {
                         cudaStreamSynchronize(stream);  // it may be playing
                         cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(p));
                       }};
    check(cudaGraphLaunch(playable, stream_), "graph");
  } else {
    work();  // it moved memory that the recording knows
  }
  cudaGraphDestroy(graph);
}

std::unique_ptr<Device> make_cuda_device() {
  return std::make_unique<CudaDevice>();
}

}  // namespace gradzone
