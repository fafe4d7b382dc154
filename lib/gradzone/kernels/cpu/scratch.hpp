// Memory of a kernel call. It comes from blocks that the thread keeps, so that a training step allocates
// none.
#pragma once

#include <cstddef>
#include <utility>

#include "gradzone/base/tensor.hpp"

namespace gradzone::cpu {

/// Uninitialised bytes at a multiple of 64.
struct MemoryBlock {
  void* data = nullptr;
  std::size_t size = 0;
};

/// The smallest of the thread's spare blocks that has `size` bytes, or a new one.
MemoryBlock take_block(std::size_t size);
/// Makes a block, of this thread or another, spare to this thread.
void give_back(MemoryBlock block);

/// An array of uninitialised numbers, or none.
template <class Real>
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(Index count) : block_(take_block(static_cast<std::size_t>(count) * sizeof(Real))) {}
  Scratch(Scratch&& other) noexcept : block_(std::exchange(other.block_, {})) {}
  Scratch& operator=(Scratch&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Scratch() {
    if (block_.data) give_back(block_);
  }

  Real* get() const { return static_cast<Real*>(block_.data); }
  explicit operator bool() const { return block_.data != nullptr; }

 private:
  MemoryBlock block_;
};

}  // namespace gradzone::cpu
