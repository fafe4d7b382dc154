#include "gradzone/study/continuation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/configuration.hpp"

namespace gradzone {

bool continues_study(const std::filesystem::path& file, const std::string& configuration) {
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
