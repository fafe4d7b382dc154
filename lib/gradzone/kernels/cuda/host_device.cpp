#include "gradzone/kernels/cuda/host_device.hpp"

#include <cstring>
#include <new>

namespace gradzone {
namespace {

// As vectors of 16 bytes need it, and as a card aligns.
constexpr std::align_val_t alignment{256};

}  // namespace

void* HostDevice::allocate(std::size_t bytes) {
  return std::memset(::operator new(bytes, alignment), 0xFF, bytes);  // NaN, until it is written
}
void HostDevice::release(void* memory) noexcept {
  ::operator delete(memory, alignment);
}
void HostDevice::copy_to_device(void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}
void HostDevice::copy_to_host(void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}
void HostDevice::copy(void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}
void HostDevice::copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                           std::size_t bytes, std::size_t rows) {
  for (std::size_t r = 0; r < rows; ++r)
    std::memcpy(static_cast<char*>(to) + r * to_pitch, static_cast<const char*>(from) + r * from_pitch,
                bytes);
}

void HostDevice::run(Recording&, const std::function<void()>& work) {
  work();
}

std::unique_ptr<Device> make_host_device() {
  return std::make_unique<HostDevice>();
}

}  // namespace gradzone
