// The card as a Device. For sources that nvcc compiles.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <string>

#include "gradzone/kernels/cuda/device.hpp"

namespace gradzone {

class CudaDevice final : public Device {
 public:
  /// The current card. Throws UsageError if there is none.
  CudaDevice();
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  /// Where work is queued at present.
  cudaStream_t stream() const { return beside_ ? side_stream_ : stream_; }

  std::string name() const override { return name_; }
  int multiprocessors() const override { return multiprocessors_; }
  std::size_t free_memory() const override;
  void* allocate(std::size_t bytes) override;
  void release(void* memory) noexcept override;
  void copy_to_device(void* to, const void* from, std::size_t bytes) override;
  void copy_to_host(void* to, const void* from, std::size_t bytes) override;
  void copy(void* to, const void* from, std::size_t bytes) override;
  void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t bytes,
                 std::size_t rows) override;
  void wait() override;
  /// The first piece on a second stream.
  void side_by_side(const std::function<void()>& first, const std::function<void()>& second) override;
  /// Plays a CUDA graph.
  void run(Recording& recording, const std::function<void()>& work) override;

 private:
  std::string name_;
  int multiprocessors_ = 1;
  std::atomic<long> changes_ = 0;  ///< of what memory there is
  cudaStream_t stream_ = nullptr, side_stream_ = nullptr;
  cudaEvent_t fork_ = nullptr, join_ = nullptr;
  bool beside_ = false;
};

}  // namespace gradzone
