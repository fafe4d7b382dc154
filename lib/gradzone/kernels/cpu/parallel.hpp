// One way to share work among the threads of the current oneTBB arena.
#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>

#include "gradzone/base/tensor.hpp"

namespace gradzone::cpu {

/// Calls body(begin, end) on pieces of [0, count). `cost` is the work of one item in elementary operations:
/// pieces are large enough to pay for a task, and little work stays on the calling thread. Bodies write
/// disjoint results, so the pieces do not matter. Isolated, as base/parallel.hpp's loop is and for the same
/// reason.
template <class Body>
void parallel(Index count, Index cost, const Body& body) {
  constexpr Index worth_a_task = 1 << 14;
  const Index grain = std::max<Index>(1, worth_a_task / std::max<Index>(1, cost));
  if (count <= grain) {
    if (count > 0) body(Index{0}, count);
    return;
  }
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(tbb::blocked_range<Index>(0, count, grain),
                      [&](const tbb::blocked_range<Index>& piece) { body(piece.begin(), piece.end()); });
  });
}

}  // namespace gradzone::cpu
