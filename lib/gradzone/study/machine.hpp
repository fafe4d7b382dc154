// What a study may take of the machine. Never changes a result.
#pragma once

#include <cstdint>
#include <functional>

namespace gradzone {

/// In bytes.
std::int64_t quarter_of_memory();

/// How many threads on_threads takes.
int thread_count(int threads);

/// Runs `work` on `threads` threads (0: all).
void on_threads(int threads, const std::function<void()>& work);

}  // namespace gradzone
