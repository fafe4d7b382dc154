#include "gradzone/study/machine.hpp"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <unistd.h>

#include <algorithm>

#include "gradzone/kernels/cuda/device.hpp"

namespace gradzone {
namespace {

int processes_here = 1;

}  // namespace

void share_machine(int processes) {
  processes_here = processes;
}

std::int64_t quarter_of_memory() {
  return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / 4 / processes_here;
}

std::int64_t quarter_of_memory(const Backend& backend) {
  return backend.on_device() ? static_cast<std::int64_t>(backend.device().free_memory() / 4)
                             : quarter_of_memory();
}

int thread_count(int threads) {
  if (threads > 0) return threads;
  // Where a launcher has bound processes to cores, they are already the only ones there.
  const auto part = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)) / processes_here;
  return std::clamp(part, 1, tbb::this_task_arena::max_concurrency());
}

void on_threads(int threads, const std::function<void()>& work) {
  const int width = thread_count(threads);
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(width));
  tbb::task_arena(width).execute(work);
}

}  // namespace gradzone
