#include "gradzone/io/printable.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gradzone {

using Json = nlohmann::json;

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 80;
  const std::string escaped =
      Json(std::string(text.substr(0, longest + 1))).dump(-1, ' ', true, Json::error_handler_t::replace);
  return escaped.size() <= longest ? escaped : escaped.substr(0, longest) + "...\"";
}

bool is_plain_text(std::string_view text) {
  constexpr char last_control = '\x1f', del = '\x7f';
  if (std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c <= last_control) || c == del; }))
    return false;
  try {
    Json(std::string(text)).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

}  // namespace gradzone
