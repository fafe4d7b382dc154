#include "gradzone/study/continuation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/configuration.hpp"

namespace gradzone {
namespace {

/// What studies of all kinds have their configuration in.
constexpr const char* study_files[] = {"drift.json", "search-lr.json", "store.sqlite", "training.json",
                                       "volume.json"};

}  // namespace

void refuse_other_study(const std::filesystem::path& folder, const std::string& file) {
  for (const char* other : study_files) {
    if (other == file || !std::filesystem::exists(folder / other)) continue;
    throw UsageError(fmt::format("{}: holds another study ({}): give another --out", folder.string(), other));
  }
}

bool continues_study(const std::filesystem::path& file, const std::string& configuration) {
  refuse_other_study(file.parent_path(), file.filename().string());
  if (!std::filesystem::exists(file)) {
    write_file_atomically(file, configuration);
    return false;
  }
  const Json stored = parse_json(read_text_file(file, largest_json_file), file.string());
  if (!stored.is_object())
    throw InputError(fmt::format("{}: not the configuration of a study", file.string()));
  const auto found = differences(stored, Json::parse(configuration));
  if (found.empty()) return true;
  throw UsageError(
      fmt::format("{}: holds work with other options: {}: give another --out, or the same options",
                  file.string(), fmt::join(found, ", ")));
}

}  // namespace gradzone
