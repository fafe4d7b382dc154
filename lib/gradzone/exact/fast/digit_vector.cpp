#include "gradzone/exact/fast/digit_vector.hpp"

#include <map>
#include <mutex>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gradzone {
namespace {

/// Large blocks that were freed, for the next evaluation, which wants the same sizes: to give them back and
/// have them cleared again takes a fifth of the time of a certified gradient.
class KeptBlocks {
 public:
  ~KeptBlocks() {
    for (const auto& [bytes, memory] : blocks_) ::operator delete (memory, std::align_val_t{large_page});
  }
  /// A kept block of exactly this size, or nullptr.
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(bytes);
    if (found == blocks_.end()) return nullptr;
    void* const memory = found->second;
    blocks_.erase(found);
    kept_ -= bytes;
    return memory;
  }
  /// Whether the block was kept.
  bool keep(void* memory, std::size_t bytes) noexcept {
    try {
      const std::lock_guard lock(mutex_);
      if (kept_ + bytes > most_kept) return false;
      blocks_.emplace(bytes, memory);
      kept_ += bytes;
      return true;
    } catch (...) {
      return false;
    }
  }

 private:
  static constexpr std::size_t most_kept = std::size_t{512} << 20;

  std::mutex mutex_;
  std::multimap<std::size_t, void*> blocks_;
  std::size_t kept_ = 0;
};

KeptBlocks& kept_blocks() {
  static KeptBlocks blocks;
  return blocks;
}

}  // namespace

void* allocate_digits(std::size_t bytes) {
  if (bytes < large_page) return ::operator new(bytes);
  if (void* const kept = kept_blocks().take(bytes)) return kept;
  void* const memory = ::operator new (bytes, std::align_val_t{large_page});
#if defined(__linux__)
  madvise(memory, bytes, MADV_HUGEPAGE);  // a wish: without it everything works, only slower
#endif
  return memory;
}

void free_digits(void* memory, std::size_t bytes) noexcept {
  if (bytes < large_page) {
    ::operator delete(memory);
  } else if (!kept_blocks().keep(memory, bytes)) {
    ::operator delete (memory, std::align_val_t{large_page});
  }
}

}  // namespace gradzone
