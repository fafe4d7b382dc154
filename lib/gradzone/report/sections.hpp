// The parts of the page's data: one function each, inside this module only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gradzone/io/results.hpp"

namespace gradzone::report_sections {

using Json = nlohmann::ordered_json;

/// The points of one format, in the audited order.
struct FormatPoints {
  std::string format;  ///< full name
  std::vector<const PointResult*> points;
};
/// Formats in order of first appearance.
std::vector<FormatPoints> by_format(const AuditResults& results);

/// "fp32" for "fp32/chain": plain names mean that order.
std::string short_name(const std::string& format);
/// A number for the page: three significant digits (or as many as told), "inf", or null for NaN.
Json rounded(double x, int digits = 3);
/// The stored configuration of an audit or a training. Throws InputError unless it is a JSON object.
Json parse_configuration(const std::string& text);

/// "Of 200 samples in fp32, 199 are compensation (cause: rounding, first at features.2), ..."
std::string headline(const FormatPoints& format);
/// What the verdicts of all formats together mean; `choices` is "native,minimal".
std::string meaning(const std::vector<FormatPoints>& formats);

Json zones_of(const FormatPoints& format);   ///< {zone: {count, share, low, high}}
Json causes_of(const FormatPoints& format);  ///< [{cause, layer, count}], most frequent first
Json thresholds_of(
    const FormatPoints& format);  ///< [{norm, tau, origin, matrix: {above, below: {zone: count}}}]
Json statistics_of(
    const FormatPoints& format);  ///< {norm: [{decade: int | "zero" | "inf", zones: {zone: count}}]}

Json branches_of(const FormatPoints& format);            ///< sums over the points, one entry a layer
Json bits_of(const std::vector<FormatPoints>& formats);  ///< one entry a format, choice and tensor

Json points_table(const AuditResults& results);
/// {"worst_layers": [names], "worst": {format: [points with pictures]}}
Json worst_points(const std::vector<FormatPoints>& formats);

Json provenance(const Json& configuration);  ///< [[key, value]], nested keys joined by dots
/// [[key, value]]: which stage settled how many branches, and the zones of samples where they were asked for.
Json evidence(const std::vector<FormatPoints>& formats);

}  // namespace gradzone::report_sections
