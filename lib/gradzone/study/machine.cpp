#include "gradzone/study/machine.hpp"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <unistd.h>

#include "gradzone/kernels/cuda/device.hpp"

namespace gradzone {

std::int64_t quarter_of_memory() {
  return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / 4;
}

std::int64_t quarter_of_memory(const Backend& backend) {
  return backend.on_device() ? static_cast<std::int64_t>(backend.device().memory() / 4) : quarter_of_memory();
}

int thread_count(int threads) {
  return threads > 0 ? threads : tbb::this_task_arena::max_concurrency();
}

void on_threads(int threads, const std::function<void()>& work) {
  const int width = thread_count(threads);
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(width));
  tbb::task_arena(width).execute(work);
}

}  // namespace gradzone
