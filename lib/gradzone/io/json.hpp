// JSON from files that may be anything.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace gradzone {

/// Keys keep their order.
using Json = nlohmann::ordered_json;

inline constexpr std::size_t largest_json_file = std::size_t{64} << 20;
inline constexpr std::size_t largest_json_depth = 64;  ///< of nested arrays and objects

/// Parses a text of at most largest_json_file bytes. Throws InputError naming `where` for what is not JSON
/// (nor UTF-8), is too large, or is nested too deeply. Of a repeated key the last value counts.
Json parse_json(std::string_view text, const std::string& where);

/// Indented by two spaces, ending in a newline; bytes that are not UTF-8 (in a path, say) become U+FFFD.
std::string write_json(const Json& json);

}  // namespace gradzone
