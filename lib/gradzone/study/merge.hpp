// merge: the shares of one study (Workers::share), put together in one folder.
#pragma once

#include <filesystem>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// What is in the folder then. Units are points, initialisations, or runs.
struct Merged {
  Index units = 0;  ///< there, finished or, of trainings, begun
  Index added = 0;  ///< of them, from the shares
};

/// Adds what folders of audit, volume (or threshold), train or search-lr hold to `folder`, which may hold
/// some of it already and is created where it is missing. The study's command without --share then finds it
/// done. Throws UsageError for shares of different studies, InputError for folders without a study.
Merged merge_shares(const std::vector<std::filesystem::path>& shares, const std::filesystem::path& folder);

}  // namespace gradzone
