// The parts of the page of two studies side by side: one function each, inside this module only. A and B are
// the two in the order they were given.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/report/sections.hpp"
#include "gradzone/study/volume_summary.hpp"

namespace gradzone::report_sections {

/// One format of one of the two.
struct Side {
  std::string format;                  ///< full name
  std::vector<PointRecord> records;    ///< proven points; of a volume the certified ones
  std::vector<std::string> layers;     ///< in forward order, as far as they are known
  Json bits = Json::array();           ///< bits_of
  std::optional<FormatVolume> volume;  ///< of a volume study
  std::string bytes;                   ///< its rows of all tables, to tell whether two are the same
};
std::vector<Side> sides_of(const AuditResults& results);
std::vector<Side> sides_of(const VolumeResults& results);

/// What stands side by side: a format that both have; of those that only one has, two of the same storage in
/// other orders, or the last one of each, where that leaves no choice; else a format alone. Points into the
/// sides.
struct Entry {
  std::string name;
  const Side* a = nullptr;
  const Side* b = nullptr;
  bool both() const { return a != nullptr && b != nullptr; }
  bool same() const { return both() && a->bytes == b->bytes; }
};
std::vector<Entry> entries_of(const std::vector<Side>& a, const std::vector<Side>& b);

/// Whether two 95 % intervals have no point in common.
bool beyond(const Frequency& a, const Frequency& b);

/// Points that both audited, by their numbers: pairs of records. Precondition: the entry has both.
using Matches = std::vector<std::pair<const PointRecord*, const PointRecord*>>;
Matches matches_of(const Entry& entry);
/// Why points of the two cannot be followed one by one: "split: train | test"; empty if they can.
std::string other_points(const Json& a, const Json& b);

/// Precondition: the entry has both.
std::string comparison_headline(const Entry& entry, const Matches& matches, const char* noun);
/// "In A only: bf16. In B only: fp64."; empty where both have everything.
std::string formats_of_one(const std::vector<Entry>& entries);
/// What A and B are and how their commands differ.
std::string comparison_meaning(const std::string& label_a, const std::string& label_b, const Json& differing);

/// [[key, of A, of B]] but for `command`; nested keys joined by dots.
Json differing_keys(const Json& a, const Json& b);
/// {zone: "same" | "within" | "beyond"}
Json zone_verdicts(const Entry& entry);
/// [{cause, layer, counts: [A, B]}] in forward order
Json causes_side_by_side(const Entry& entry);
/// {points, changed, matrix: {zone in A: {zone in B: count}}}
Json transitions_of(const Matches& matches);
/// The points that changed zone, of all entries.
Json changed_table(const std::vector<Entry>& entries, const std::vector<Matches>& matches);

}  // namespace gradzone::report_sections
