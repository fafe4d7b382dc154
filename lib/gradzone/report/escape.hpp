// Text made safe for its place in the page, and bytes made text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gradzone {

/// For text and quoted attributes: & < > " ' become references; bytes that are not UTF-8 become U+FFFD.
std::string escape_html(std::string_view text);

/// JSON for a script block: '<', '>', '&', U+2028 and U+2029 become \u escapes, which mean the same inside
/// JSON strings and appear nowhere else in it. No text can then end the block.
std::string escape_script(std::string_view json);

/// RFC 4648, with padding.
std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace gradzone
