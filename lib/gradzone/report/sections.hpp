// The parts of the page's data: one function each, inside this module only.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "gradzone/io/results.hpp"
#include "gradzone/study/threshold_study.hpp"
#include "gradzone/zones/census.hpp"

namespace gradzone::report_sections {

using Json = nlohmann::ordered_json;

/// Points of one format. What sections of several pages are made from.
using Records = std::span<const PointRecord>;

/// The points of one format, in the audited order.
struct FormatPoints {
  std::string format;  ///< full name
  std::vector<const PointResult*> points;
  std::vector<PointRecord> records;  ///< of the points
};
/// Formats in order of first appearance.
std::vector<FormatPoints> by_format(const AuditResults& results);

/// "fp32" for "fp32/chain": plain names mean that order.
std::string short_name(const std::string& format);
/// Bits of a full name's significands.
int precision_of(const std::string& format);
/// A number for the page: three significant digits (or as many as told), "inf", or null for NaN.
Json rounded(double x, int digits = 3);
/// The stored configuration of an audit or a training. Throws InputError unless it is a JSON object.
Json parse_configuration(const std::string& text);
/// "lenet5 on mnist:data" from the keys `network` and "data" of a configuration, as far as they are there; it
/// says so if the labels are the network's own.
std::string network_and_data(const Json& configuration, const char* network = "network");

/// "Of 200 samples in fp32, 199 are compensation (cause: rounding, first at features.2), ..."
std::string headline(const FormatPoints& format);
/// "199 are compensation (cause: rounding, first at features.2), 1 is regular, none is a bifurcation, none
/// undecided"
std::string zones_clause(Records records);
/// What the verdicts of all formats together mean.
std::string meaning(const std::vector<FormatPoints>& formats);
/// The proven points of a format, whatever study they are from.
struct Verdicts {
  std::string format;
  Records records;
};
/// What to do about it: a sentence or two for each zone and cause that is there, with formats and layers.
std::vector<std::string> advice(const std::vector<Verdicts>& formats);

Json frequency_of(const Frequency& frequency);  ///< {count, share, low, high}
Json zones_of(Records records);                 ///< {zone: frequency_of}
/// Layers with a kink in forward order, where the branch records tell it.
std::vector<std::string> layers_of(const FormatPoints& format);
/// [{cause, layer, count}] in the order of `layers`, then by name
Json causes_of(Records records, const std::vector<std::string>& layers);
/// [{norm, tau, origin, matrix: {above, below: {zone: count}}, uncertified: {above, below}}]: the matrix
/// where there are certified points, `uncertified` where there are others. The best possible thresholds are
/// among them if there are bifurcations to find.
Json thresholds_of(const JudgedPoints& points);
/// {norm: [{decade: int | "zero" | "inf", zones: {zone: count}}]}; the class of points that were not
/// certified, if there are any, is "not certified".
Json statistics_of(const JudgedPoints& points);

Json branches_of(const FormatPoints& format);            ///< sums over the points, one entry a layer
Json bits_of(const std::vector<FormatPoints>& formats);  ///< one entry a format, choice and tensor

/// Rows of a table in a page, about 3 MB of it: others stay in the CSV files.
inline constexpr std::size_t most_rows = 20000;
/// Bifurcations first, then undecided points, then by how far the floats disagree.
bool is_worse(const PointRecord& a, const PointRecord& b);
Json points_table(const AuditResults& results);
/// {"worst_layers": [names], "worst": {format: [points with pictures]}}
Json worst_points(const std::vector<FormatPoints>& formats);

Json provenance(const Json& configuration);  ///< [[key, value]], nested keys joined by dots
/// [[key, value]]: which stage settled how many branches, and the zones of samples where they were asked for.
Json evidence(const std::vector<FormatPoints>& formats);

}  // namespace gradzone::report_sections
