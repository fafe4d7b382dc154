// One file from the net, by libcurl.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "gradzone/base/progress.hpp"

namespace gradzone {

/// Downloads `url` (http or https) to the file `part`, continuing behind what is there already; starts anew
/// where the server cannot continue. A transfer that breaks off is continued as long as something arrives.
/// Leaves what arrived in `part` whatever happens, no file if that is nothing. `watch.progress` counts bytes.
/// Throws InputError if the server does not have the file, cannot be reached, or sends more than `most`
/// bytes, or if another process is downloading to `part`; InterruptedError if a stop is requested, the
/// connection breaks for good or the disk is full.
void download(const std::string& url, const std::filesystem::path& part, std::size_t most,
              const Watch& watch);

}  // namespace gradzone
