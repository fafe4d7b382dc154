#include "gradzone/kernels/cuda/host_device.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

namespace gradzone {
namespace {

// As vectors of 16 bytes need it, and as a card aligns.
constexpr std::align_val_t alignment{256};

}  // namespace

void HostDevice::not_while_queueing() const {
  if (recording_ != nullptr || collected_ != nullptr)
    throw std::logic_error("work that is recorded or side by side with other work waits for its device");
}

void* HostDevice::allocate(std::size_t bytes) {
  ++changes_;
  return std::memset(::operator new(bytes, alignment), 0xFF, bytes);  // NaN, until it is written
}
void HostDevice::release(void* memory) noexcept {
  ++changes_;
  ::operator delete(memory, alignment);
}
void HostDevice::copy_to_device(void* to, const void* from, std::size_t bytes) {
  not_while_queueing();
  std::memcpy(to, from, bytes);
}
void HostDevice::copy_to_host(void* to, const void* from, std::size_t bytes) {
  not_while_queueing();
  std::memcpy(to, from, bytes);
}
void HostDevice::copy(void* to, const void* from, std::size_t bytes) {
  queue([=] { std::memcpy(to, from, bytes); });
}
void HostDevice::copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                           std::size_t bytes, std::size_t rows) {
  queue([=] {
    for (std::size_t r = 0; r < rows; ++r)
      std::memcpy(static_cast<char*>(to) + r * to_pitch, static_cast<const char*>(from) + r * from_pitch,
                  bytes);
  });
}

auto HostDevice::pieces_of(const std::function<void()>& work, Pieces*& list) -> Pieces {
  Pieces pieces;
  list = &pieces;
  try {
    work();
  } catch (...) {
    list = nullptr;
    throw;
  }
  list = nullptr;
  return pieces;
}

void HostDevice::side_by_side(const std::function<void()>& first, const std::function<void()>& second) {
  const Pieces of_first = pieces_of(first, collected_), of_second = pieces_of(second, collected_);
  for (std::size_t i = 0; i < std::max(of_first.size(), of_second.size()); ++i)
    for (const Pieces* pieces : {&of_second, &of_first})
      if (i < pieces->size()) queue((*pieces)[i]);
}

void HostDevice::run(Recording& recording, const std::function<void()>& work) {
  constexpr int runs_to_settle = 2;  // as on a card
  if (recording.graph) {
    ++playbacks_;
    for (const auto& piece : *static_cast<const Pieces*>(recording.graph.get())) piece();
    return;
  }
  if (recording.runs++ < runs_to_settle) return work();
  const long changes = changes_;
  Pieces pieces = pieces_of(work, recording_);
  if (changes == changes_)  // else it knows memory that has moved
    recording.graph = std::make_shared<Pieces>(std::move(pieces));
}

std::unique_ptr<Device> make_host_device() {
  return std::make_unique<HostDevice>();
}

}  // namespace gradzone
