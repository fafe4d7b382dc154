// The host as a device, for tests of the device's kernel bodies.
#pragma once

#include "gradzone/kernels/cuda/device.hpp"

namespace gradzone {

class HostDevice final : public Device {
 public:
  std::string name() const override { return "host"; }
  int multiprocessors() const override { return multiprocessors_; }
  /// Fewer multiprocessors make larger tiles.
  void pretend_multiprocessors(int count) { multiprocessors_ = count; }
  std::size_t memory() const override { return memory_; }
  void pretend_memory(std::size_t bytes) { memory_ = bytes; }

  void* allocate(std::size_t bytes) override;
  void release(void* memory) noexcept override;
  void copy_to_device(void* to, const void* from, std::size_t bytes) override;
  void copy_to_host(void* to, const void* from, std::size_t bytes) override;
  void copy(void* to, const void* from, std::size_t bytes) override;
  void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t bytes,
                 std::size_t rows) override;
  void wait() override {}
  void run(Recording& recording, const std::function<void()>& work) override;

 private:
  int multiprocessors_ = 132;  // an H100's
  std::size_t memory_ = std::size_t{1} << 30;
};

}  // namespace gradzone
