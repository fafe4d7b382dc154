// How long-running library calls report progress and learn that they should stop. Libraries never print: the
// program passes callbacks.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

namespace gradzone {

/// What a long-running call gets from its caller; both may be empty.
struct Watch {
  /// Called from any thread, at most once per finished unit, with units done and units in all.
  std::function<void(std::int64_t done, std::int64_t total)> progress;
  /// When a stop is requested the call finishes the units in flight, keeps them, and throws InterruptedError.
  std::stop_token stop;
};

}  // namespace gradzone
