#include "gradzone/study/workers.hpp"

#include <fmt/format.h>

#include <charconv>

#include "gradzone/base/error.hpp"

namespace gradzone {

Share parse_share(std::string_view text) {
  if (text.empty()) return {};
  Index part = 0, parts = 0;
  const char* const end = text.data() + text.size();
  const auto [slash, error] = std::from_chars(text.data(), end, part);
  if (error == std::errc() && slash != end && *slash == '/') {
    const auto [rest, no_number] = std::from_chars(slash + 1, end, parts);
    if (no_number == std::errc() && rest == end && part >= 1 && part <= parts) return {part - 1, parts};
  }
  throw UsageError(fmt::format("--share {}: write K/N with K from 1 to N, such as 3/8", text));
}

}  // namespace gradzone
