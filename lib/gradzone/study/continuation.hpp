// A folder that a study works in holds its configuration; another study is kept out.
#pragma once

#include <filesystem>
#include <string>

namespace gradzone {

/// Throws UsageError if the folder holds a study whose configuration is not in `file`, a name.
void refuse_other_study(const std::filesystem::path& folder, const std::string& file);

/// True if `file` holds this configuration (JSON: an object); writes it if there is no such file. Throws
/// UsageError with the differences, `command` apart, if it holds another one, and
/// as refuse_other_study.
bool continues_study(const std::filesystem::path& file, const std::string& configuration);

}  // namespace gradzone
