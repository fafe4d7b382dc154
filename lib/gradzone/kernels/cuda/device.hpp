// Device: a CUDA card, or the host playing one. Where tensors lie while a float program runs, and the queue
// of work on them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace gradzone {

/// Work that a device has seen before, and may repeat without being told again.
struct Recording {
  int runs = 0;
  std::shared_ptr<void> graph;
};

/// Everything that is asked of a device happens in the order of the calls. What returns nothing may return
/// before it is done; copies to the host and wait() do not. One thread at a time; memory alone may be taken
/// and released by others meanwhile.
class Device {
 public:
  virtual ~Device() = default;

  /// "NVIDIA H100 80GB HBM3"
  virtual std::string name() const = 0;
  /// Blocks that run at the same time, for the choice of tiles; results do not depend on it.
  virtual int multiprocessors() const = 0;
  /// Bytes that allocate() may still give.
  virtual std::size_t free_memory() const = 0;

  /// Uninitialised memory. Throws InterruptedError if there is not enough.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;

  virtual void copy_to_device(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_to_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  /// `rows` pieces of `bytes`, a pitch apart.
  virtual void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                         std::size_t bytes, std::size_t rows) = 0;
  virtual void wait() = 0;

  /// Queues two pieces of work, of which neither touches what the other one writes, so that they may be done
  /// at the same time. Neither may wait for an answer, send numbers, or call this.
  virtual void side_by_side(const std::function<void()>& first, const std::function<void()>& second) = 0;

  /// Runs `work`, which queues kernels and copies on the device, the same on the same memory whenever the
  /// same recording comes with it. From the third time on it may be played back: then `work` is not called.
  virtual void run(Recording& recording, const std::function<void()>& work) = 0;
};

/// The card of this machine. Throws UsageError if there is none or this build has no CUDA.
std::unique_ptr<Device> make_cuda_device();

/// The host as a device: the same kernel bodies, run block by block and thread by thread. For tests.
std::unique_ptr<Device> make_host_device();

}  // namespace gradzone
