#include "gradzone/io/json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

/// How deeply brackets are nested outside of strings; of valid JSON this is the depth of the value.
std::size_t nesting(std::string_view text) {
  std::size_t depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  if (text.size() > largest_json_file) {
    throw InputError(fmt::format("{}: more than {} bytes of JSON", where, largest_json_file));
  }
  if (nesting(text) > largest_json_depth) {
    throw InputError(fmt::format("{}: nested more than {} deep", where, largest_json_depth));
  }
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw InputError(fmt::format("{}: not valid JSON", where));
  return json;
}

std::string write_json(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace gradzone
