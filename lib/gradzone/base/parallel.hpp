// The one way the library runs loops in parallel: independent iterations in the current oneTBB arena.
#pragma once

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Calls body(i) for 0 <= i < n. Iterations must not depend on one another, so that results do not depend on
/// the number of threads. Isolated: a thread that waits here never picks up an unrelated outer iteration
/// meanwhile (which would hold that iteration's memory at the same time).
template <class Body>
void parallel_for(Index n, Body&& body) {
  tbb::this_task_arena::isolate([&] { tbb::parallel_for(Index{0}, n, [&](Index i) { body(i); }); });
}

}  // namespace gradzone
