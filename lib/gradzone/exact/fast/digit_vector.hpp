// DigitVector: memory for digits. Gradients of ten million weights take hundreds of megabytes, so that memory
// is not cleared where it will be written anyway, and large blocks ask for large pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace gradzone {

/// Memory of at least this size is worth a page of its own.
inline constexpr std::size_t large_page = std::size_t{1} << 21;

void* allocate_digits(std::size_t bytes);
void free_digits(void* memory, std::size_t bytes) noexcept;

template <class T>
struct DigitAllocator {
  using value_type = T;
  DigitAllocator() = default;
  template <class U>
  DigitAllocator(const DigitAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(allocate_digits(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) noexcept { free_digits(p, n * sizeof(T)); }
  /// resize() leaves new digits unspecified; assign(n, 0) clears them.
  template <class U>
  void construct(U* p) noexcept(std::is_nothrow_default_constructible_v<U>) {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
  friend bool operator==(const DigitAllocator&, const DigitAllocator&) { return true; }
};

using DigitVector = std::vector<std::int64_t, DigitAllocator<std::int64_t>>;

}  // namespace gradzone
