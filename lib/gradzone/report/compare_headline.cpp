// What the page of two studies side by side says first.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "gradzone/report/compare_sections.hpp"

namespace gradzone::report_sections {
namespace {

/// "40 % in A (23 to 59), 0 % in B (0 to 12)"
std::string shares(const Frequency& a, const Frequency& b) {
  const auto side = [](const Frequency& f, const char* name) {
    return fmt::format("{:.3g} % in {} ({:.3g} to {:.3g})", 100 * f.share, name, 100 * f.ci95.low,
                       100 * f.ci95.high);
  };
  return side(a, "A") + ", " + side(b, "B");
}

/// Which shares differ beyond their intervals.
std::vector<std::string> far_shares(const Entry& entry) {
  std::vector<std::string> far;
  const auto add = [&](const std::string& what, const Frequency& a, const Frequency& b) {
    if (beyond(a, b)) far.push_back(fmt::format("{} {}", what, shares(a, b)));
  };
  if (entry.a->volume && entry.b->volume) {
    const VolumeShare &a = entry.a->volume->hit, &b = entry.b->volume->hit;
    add("initialisations hit", a.inits, b.inits);
    add("mini-batches hit", a.batches, b.batches);
  }
  const Census a = take_census(entry.a->records), b = take_census(entry.b->records);
  for (const Zone zone : all_zones) add(name(zone), a.zone(zone), b.zone(zone));
  return far;
}

/// "3 of 60 points that both audited changed zone (2 compensation to regular, 1 ...)."
std::string followed(const Matches& matches, const char* noun) {
  std::map<std::string, Index> changes;
  Index changed = 0;
  for (const auto& [a, b] : matches) {
    if (a->zone == b->zone) continue;
    ++changed;
    ++changes[fmt::format("{} to {}", name(a->zone), name(b->zone))];
  }
  const std::string of = fmt::format("{} {}{}", matches.size(), noun, matches.size() == 1 ? "" : "s");
  if (changed == 0) return fmt::format(" None of {} audited in both changed zone.", of);
  std::vector<std::string> list;
  for (const auto& [change, count] : changes) list.push_back(fmt::format("{} {}", count, change));
  return fmt::format(" Of {} audited in both, {} changed zone ({}).", of, changed, fmt::join(list, ", "));
}

/// Shares of volumes that count by different rules are shares of different things.
std::string cautions(const std::vector<std::string>& keys) {
  const auto any_of = [&](std::initializer_list<const char*> names) {
    return std::ranges::any_of(
        keys, [&](const std::string& key) { return std::ranges::find(names, key) != names.end(); });
  };
  std::string text;
  if (any_of({"hit", "until_hit"}))
    text += " They count hits by different rules: mind that before comparing those shares.";
  if (any_of({"certify"}))
    text +=
        " They certified mini-batches by different rules, so that the shares of zones are of different sets.";
  return text;
}

}  // namespace

std::string comparison_headline(const Entry& entry, const Matches& matches, const char* noun) {
  const std::string what = entry.a->volume ? "certified mini-batches" : fmt::format("{}s", noun);
  if (entry.same())
    return fmt::format("{}: the same in A and B, byte for byte; of {} {}, {}.", entry.name,
                       entry.a->records.size(), what, zones_clause(entry.a->records));
  const std::vector<std::string> far = far_shares(entry);
  std::string text = entry.name + ": ";
  if (entry.a->records.empty() || entry.b->records.empty()) {
    text += fmt::format("{} {} in A, {} in B, so that zones cannot be compared; ", entry.a->records.size(),
                        what, entry.b->records.size());
  }
  text += far.empty()
              ? "no share differs beyond its 95 % interval."
              : fmt::format("these shares differ beyond their 95 % intervals: {}.", fmt::join(far, "; "));
  return matches.empty() ? text : text + followed(matches, noun);
}

std::string formats_of_one(const std::vector<Entry>& entries) {
  std::vector<std::string> a, b, parts;
  for (const Entry& entry : entries) {
    if (!entry.both()) (entry.a ? a : b).push_back(entry.name);
  }
  if (!a.empty()) parts.push_back(fmt::format("In A only: {}.", fmt::join(a, ", ")));
  if (!b.empty()) parts.push_back(fmt::format("In B only: {}.", fmt::join(b, ", ")));
  return fmt::format("{}", fmt::join(parts, " "));
}

std::string comparison_meaning(const std::string& label_a, const std::string& label_b,
                               const Json& differing) {
  std::vector<std::string> keys;
  for (const Json& row : differing) keys.push_back(row[0].get<std::string>());
  const std::string what = keys.empty()
                               ? "Their configurations are the same."
                               : fmt::format("Their configurations differ in {}.", fmt::join(keys, ", "));
  return fmt::format("A is {}, B is {}. {}{}", label_a, label_b, what, cautions(keys));
}

}  // namespace gradzone::report_sections
