// SharedWork: independent tasks of a study, handed out one by one to whoever is idle: the threads of this
// process and, where there is a communicator, those of other ranks. Rank 0 hands out and keeps; what is found
// does not depend on who found it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "gradzone/cluster/communicator.hpp"

namespace gradzone {

/// A question to rank 0 while a task is computed, and its answer (SharedWork::answer).
using Ask = std::function<std::string(const std::string& question)>;

/// Tasks, results, questions and answers travel as bytes (bytes.hpp).
struct SharedWork {
  /// Any rank, any thread: the result of a task, or nothing if it was given up.
  std::function<std::optional<std::string>(const std::string& task, const Ask& ask)> compute;

  // Rank 0 only, one call at a time.
  std::function<std::optional<std::string>()> next;  ///< the next task, nothing if there is none left
  std::function<void(const std::string& task, const std::string& result)> keep;
  std::function<std::string(const std::string& question)> answer;  ///< may be empty if nobody asks
};

/// Collective: the ranks agree to work on what `configuration` identifies (Communicator::agree), then compute
/// tasks on `workers` threads of the current arena of every rank until there is none left. Ranks above 0 need
/// `compute` alone. An exception on any rank ends it: rank 0 rethrows it (of another rank, the Error with its
/// code and message), the others return.
void share_work(Communicator& ranks, const std::string& configuration, int workers, const SharedWork& work);

}  // namespace gradzone
