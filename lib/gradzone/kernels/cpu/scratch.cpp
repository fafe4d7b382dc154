#include "gradzone/kernels/cpu/scratch.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <vector>

namespace gradzone::cpu {
namespace {

/// Blocks a thread keeps. Kernels hold a handful at a time; what is beyond is left over from other networks.
constexpr std::size_t most_spare = 16;

struct SpareBlocks {
  std::vector<MemoryBlock> blocks;  ///< smallest first
  ~SpareBlocks() {
    for (const MemoryBlock& block : blocks) std::free(block.data);
  }
};
thread_local SpareBlocks spare;

bool is_smaller(const MemoryBlock& a, const MemoryBlock& b) {
  return a.size < b.size;
}

}  // namespace

MemoryBlock take_block(std::size_t size) {
  constexpr std::size_t alignment = 64;
  auto& blocks = spare.blocks;
  const auto found = std::lower_bound(blocks.begin(), blocks.end(), MemoryBlock{nullptr, size}, is_smaller);
  if (found != blocks.end()) {
    const MemoryBlock block = *found;
    blocks.erase(found);
    return block;
  }
  const std::size_t rounded = std::max(alignment, (size + alignment - 1) / alignment * alignment);
  void* const data = std::aligned_alloc(alignment, rounded);
  if (!data) throw std::bad_alloc();
  return {data, rounded};
}

void give_back(MemoryBlock block) {
  auto& blocks = spare.blocks;
  blocks.insert(std::upper_bound(blocks.begin(), blocks.end(), block, is_smaller), block);
  if (blocks.size() <= most_spare) return;
  std::free(blocks.front().data);
  blocks.erase(blocks.begin());
}

}  // namespace gradzone::cpu
