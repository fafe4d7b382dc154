#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "gradzone/report/sections.hpp"

namespace gradzone::report_sections {
namespace {

using Counts = std::vector<std::pair<std::string, Index>>;

/// Distinct texts with their counts, most frequent first, then by name.
template <class Text>
Counts tally(Records records, Text text) {
  std::map<std::string, Index> counts;
  for (const PointRecord& point : records) {
    if (const std::string key = text(point); !key.empty()) ++counts[key];
  }
  Counts sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

Index count_zone(Records records, Zone zone) {
  return std::ranges::count(records, zone, &PointRecord::zone);
}

std::string unit(const FormatPoints& format) {
  Index largest = 1;
  for (const PointResult* result : format.points) largest = std::max(largest, result->point.batch);
  const bool one = format.points.size() == 1;
  return largest == 1 ? (one ? "sample" : "samples")
                      : fmt::format("mini-batch{} of {}", one ? "" : "es", largest);
}

/// " (cause: rounding, first at features.2)"
std::string cause_clause(Records records) {
  const Counts causes = tally(records, [](const PointRecord& point) { return point.cause; });
  const Counts layers = tally(records, [](const PointRecord& point) { return point.cause_layer; });
  if (causes.empty()) return "";
  std::string text = causes.size() == 1 ? "cause: " + causes.front().first : "causes:";
  if (causes.size() > 1) {
    for (std::size_t i = 0; i < causes.size(); ++i) {
      text += fmt::format("{} {} {}", i ? "," : "", causes[i].first, causes[i].second);
    }
  }
  if (!layers.empty()) {
    text +=
        fmt::format(", {} at {}", layers.size() == 1 ? "first" : "most often first", layers.front().first);
  }
  return " (" + text + ")";
}

const char* verb(Index count) {
  return count == 1 ? "is" : "are";
}

}  // namespace

std::string zones_clause(Records records) {
  const Index compensation = count_zone(records, Zone::compensation),
              regular = count_zone(records, Zone::regular);
  const Index bifurcation = count_zone(records, Zone::bifurcation),
              undecided = count_zone(records, Zone::undecided);
  std::vector<std::string> parts;
  if (bifurcation) {
    parts.push_back(fmt::format("{} {} bifurcation{}", bifurcation, bifurcation == 1 ? "is a" : "are",
                                bifurcation == 1 ? "" : "s"));
  }
  if (compensation) {
    parts.push_back(
        fmt::format("{} {} compensation{}", compensation, verb(compensation), cause_clause(records)));
  }
  if (regular) parts.push_back(fmt::format("{} {} regular", regular, verb(regular)));
  if (!bifurcation) parts.emplace_back("none is a bifurcation");
  parts.push_back(undecided ? fmt::format("{} {} undecided", undecided, verb(undecided)) : "none undecided");
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string headline(const FormatPoints& format) {
  return fmt::format("Of {} {} in {}, {}.", format.points.size(), unit(format), short_name(format.format),
                     zones_clause(format.records));
}

std::string meaning(const std::vector<FormatPoints>& formats) {
  Index points = 0, bifurcation = 0, compensation = 0, undecided = 0;
  for (const FormatPoints& format : formats) {
    points += static_cast<Index>(format.points.size());
    bifurcation += count_zone(format.records, Zone::bifurcation);
    compensation += count_zone(format.records, Zone::compensation);
    undecided += count_zone(format.records, Zone::undecided);
  }
  if (points == 0) return "No point was audited, so there is nothing to say yet.";
  const bool one_format = formats.size() == 1;
  const char* noun = one_format ? "point" : "case";
  const auto some = [&](Index count) { return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s"); };
  std::string text = one_format ? "" : "A case is one point in one format. ";
  if (bifurcation) {
    text += fmt::format(
        "{} {} the compared choices give different gradients over the real numbers already, which no "
        "format can repair. ",
        one_format ? "At" : "In", some(bifurcation));
  } else {
    text += fmt::format(
        "Over the real numbers the compared choices give the same gradient {} every {}{}, with proof. ",
        one_format ? "at" : "in", undecided ? "decided " : "", noun);
  }
  if (compensation) {
    text += fmt::format(
        "{} {} they agree over the reals and the float program still returns different gradients: "
        "floating point is at fault there, not the mathematics.",
        one_format ? "At" : "In", some(compensation));
  } else {
    text += "No disagreement was made by floating point alone.";
  }
  if (undecided) {
    text += fmt::format(" No proof was found {} {}; more precision may decide {}.", one_format ? "at" : "in",
                        some(undecided), undecided == 1 ? "it" : "them");
  }
  return text;
}

}  // namespace gradzone::report_sections
