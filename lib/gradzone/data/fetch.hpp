// Fetching published data sets.
#pragma once

#include <filesystem>

#include "gradzone/base/progress.hpp"
#include "gradzone/data/manifest.hpp"

namespace gradzone {

/// Makes `folder`, creating it where missing, hold every file of the manifest, downloading those that are
/// missing or wrong. The places of manifest.urls are tried one after the other. A file is downloaded under
/// its name with ".part" behind it, which the next call continues, and gets its name once its size and
/// SHA-256 are right: there is never half a file under a file's name. Files that are served in an archive are
/// taken out of it, and the archive is removed. Throws what download() throws (data/download.hpp), InputError
/// for content that is not what the manifest says.
void fetch_dataset(const Manifest& manifest, const std::filesystem::path& folder, const Watch& watch = {});

}  // namespace gradzone
