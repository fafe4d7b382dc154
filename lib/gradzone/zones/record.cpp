#include "gradzone/zones/record.hpp"

#include <fmt/format.h>

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

}  // namespace gradzone
