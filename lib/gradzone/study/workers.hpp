// Workers: who computes a study. Never changes a result.
#pragma once

#include <string_view>

#include "gradzone/base/tensor.hpp"
#include "gradzone/cluster/communicator.hpp"

namespace gradzone {

/// A part of a study's units, for jobs that know nothing of one another (docs/cluster.md): those whose index
/// is `part` modulo `parts`.
struct Share {
  Index part = 0, parts = 1;

  bool has(Index unit) const { return unit % parts == part; }
  bool whole() const { return parts == 1; }
};
/// Reads "3/8", from "1/8" to "8/8"; empty: all. Throws UsageError.
Share parse_share(std::string_view text);

struct Workers {
  // An int alone is a number of threads.
  Workers(int threads_of_rank = 0, Communicator& all_ranks = alone(), Share of_study = {})
      : threads(threads_of_rank), ranks(all_ranks), share(of_study) {}

  int threads;  ///< of this process; 0 for all
  Communicator& ranks;
  Share share;
};

}  // namespace gradzone
