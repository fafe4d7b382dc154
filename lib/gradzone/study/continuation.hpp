// A folder that a study works in holds its configuration; another study is kept out.
#pragma once

#include <filesystem>
#include <string>

namespace gradzone {

/// True if `file` holds this configuration (JSON: an object); writes it if there is no such file. Throws
/// UsageError with the differences, `command` apart, if it holds another one.
bool continues_study(const std::filesystem::path& file, const std::string& configuration);

}  // namespace gradzone
