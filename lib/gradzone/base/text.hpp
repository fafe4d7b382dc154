// Texts of the command line taken apart, and texts of files shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradzone {

/// The parts between separators, views of `text`: at least one, any of them may be empty.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// A name from a file on one line: printable ASCII, not endless.
inline std::string shown(std::string_view text) {
  std::string out(text.substr(0, 80));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace gradzone
