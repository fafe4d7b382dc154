#include "gradzone/zones/record.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/error.hpp"

namespace gradzone {

const char* name(Zone zone) {
  switch (zone) {
    case Zone::regular:
      return "regular";
    case Zone::bifurcation:
      return "bifurcation";
    case Zone::compensation:
      return "compensation";
    case Zone::undecided:
      return "undecided";
  }
  return "";
}

Zone parse_zone(const std::string& text) {
  for (const Zone zone : all_zones) {
    if (text == name(zone)) return zone;
  }
  throw UsageError(
      fmt::format("'{}' is not a zone: use regular, bifurcation, compensation or undecided", text));
}

std::string first_labels(const std::vector<int>& labels) {
  constexpr std::size_t shown = 8;
  std::string out;
  for (std::size_t i = 0; i < std::min(labels.size(), shown); ++i)
    out += fmt::format("{}{}", i > 0 ? " " : "", labels[i]);
  return out;
}

}  // namespace gradzone
