#include "gradzone/io/configuration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gradzone/arith/format.hpp"
#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

std::string show(const Json& json, const std::string& key) {
  if (!json.contains(key)) return "nothing";
  return json[key].dump(-1, ' ', false, Json::error_handler_t::replace);
}

void compare(const Json& stored, const Json& now, const std::string& path, std::vector<std::string>& found) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : stored.items()) keys.push_back(key);
  for (const auto& [key, value] : now.items()) {
    if (!stored.contains(key)) keys.push_back(key);
  }
  for (const std::string& key : keys) {
    const bool in_both = stored.contains(key) && now.contains(key);
    if (path.empty() && key == "command") continue;
    if (in_both && stored[key] == now[key]) continue;
    if (in_both && stored[key].is_object() && now[key].is_object()) {
      compare(stored[key], now[key], path + key + '.', found);
    } else {
      found.push_back(fmt::format("{}{} (stored {}, now {})", path, key, show(stored, key), show(now, key)));
    }
  }
}

bool are_formats(const Json& formats) {
  if (!formats.is_array() || formats.empty()) return false;
  std::vector<std::string> seen;
  for (const Json& format : formats) {
    if (!format.is_string()) return false;
    const auto text = format.get<std::string>();
    if (std::ranges::find(seen, text) != seen.end()) return false;
    try {
      if (full_name(parse_format(text)) != text) return false;
    } catch (const UsageError&) {
      return false;
    }
    seen.push_back(text);
  }
  return true;
}

}  // namespace

Json parse_configuration(const std::string& text, const std::string& where) {
  Json json = parse_json(text, where);
  check_configuration(json, where);
  return json;
}

void check_configuration(const Json& configuration, const std::string& where) {
  const auto require = [&](const char* key, auto is_right, const char* what) {
    if (!configuration.is_object() || !configuration.contains(key) || !is_right(configuration[key])) {
      throw InputError(fmt::format("{}: the audit's configuration lacks \"{}\": {}", where, key, what));
    }
  };
  require("formats", are_formats, "a list of full format names, each once");
  require(
      "seed", [](const Json& seed) { return seed.is_number_integer(); }, "a whole number");
  require(
      "command", [](const Json& command) { return command.is_string(); }, "the command line");
  require(
      "versions", [](const Json& versions) { return versions.is_object(); }, "an object");
}

std::vector<std::string> formats_of(const Json& configuration) {
  return configuration["formats"].get<std::vector<std::string>>();
}

std::vector<std::string> differences(const Json& stored, const Json& now) {
  std::vector<std::string> found;
  compare(stored, now, "", found);
  return found;
}

}  // namespace gradzone
