// What a study may take of the machine. Never changes a result.
#pragma once

#include <cstdint>
#include <functional>

#include "gradzone/eval/backend.hpp"

namespace gradzone {

/// Of so many processes, all of which take their part: called once, before anything else is asked.
void share_machine(int processes);

/// In bytes, of this process's part.
std::int64_t quarter_of_memory();
/// Of where the numbers of the backend lie.
std::int64_t quarter_of_memory(const Backend& backend);

/// How many threads on_threads takes.
int thread_count(int threads);

/// Runs `work` on `threads` threads (0: all).
void on_threads(int threads, const std::function<void()>& work);

}  // namespace gradzone
