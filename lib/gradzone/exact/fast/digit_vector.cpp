#include "gradzone/exact/fast/digit_vector.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gradzone {

void* allocate_digits(std::size_t bytes) {
  if (bytes < large_page) return ::operator new(bytes);
  void* memory = ::operator new (bytes, std::align_val_t{large_page});
#if defined(__linux__)
  madvise(memory, bytes, MADV_HUGEPAGE);  // a wish: without it everything works, only slower
#endif
  return memory;
}

void free_digits(void* memory, std::size_t bytes) noexcept {
  if (bytes < large_page) {
    ::operator delete(memory);
  } else {
    ::operator delete (memory, std::align_val_t{large_page});
  }
}

}  // namespace gradzone
