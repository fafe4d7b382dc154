// What a volume study left in its folder, finished or not, to be looked at.
#pragma once

#include <filesystem>

#include "gradzone/study/volume_study.hpp"

namespace gradzone {

/// Reads volume.json and the tables; the last command and the number of initialisations are those of
/// summary.json, which is there once the study is finished. Throws InputError for files that are not what
/// they should be, and for a study without a finished initialisation.
VolumeResults load_volume(const std::filesystem::path& folder);

}  // namespace gradzone
