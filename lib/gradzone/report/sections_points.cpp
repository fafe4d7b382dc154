// The table of points and the worst points with their pictures.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

#include "gradzone/report/picture.hpp"
#include "gradzone/report/sections.hpp"
#include "gradzone/report/strings.hpp"

namespace gradzone::report_sections {
namespace {

constexpr std::size_t most_pictures = 40;

bool result_is_worse(const PointResult* a, const PointResult* b) {
  return is_worse(a->point, b->point);
}

/// How many windows tie, by layer: [layer, real ties, float ties, false, lost] where any does.
Json tie_counts(const PointResult& result, Strings& layers) {
  Json list = Json::array();
  for (const BranchRecord& record : result.branches) {
    const Index real = record.real_ties_positive + record.real_ties_negative;
    const Index in_floats = record.float_ties_positive + record.float_ties_negative;
    if (real + in_floats + record.false_ties + record.lost_ties == 0) continue;
    list.push_back({layers.id(record.layer), real, in_floats, record.false_ties, record.lost_ties});
  }
  return list;
}

/// What to draw on the first image: windows that share a layer, a kind and a place are one mark with the
/// number of their channels: [layer, kind, x0, y0, x1, y1, channels].
Json marks_of(const PointResult& result, Strings& layers) {
  std::map<std::array<Index, 6>, Index> marks;
  for (const TieWindow& tie : result.ties) {
    const PixelBox& core = tie.core;
    if (tie.image != 0 || core.x0 >= core.x1 || core.y0 >= core.y1) continue;
    if (tie.kind == TieWindow::Kind::real_and_float && !tie.positive) continue;  // mostly zeros left by ReLU
    const auto layer = static_cast<Index>(layers.id(tie.layer));
    ++marks[{layer, static_cast<Index>(tie.kind), core.x0, core.y0, core.x1, core.y1}];
  }
  Json list = Json::array();
  for (const auto& [mark, channels] : marks) {
    Json entry = mark;
    entry.push_back(channels);
    list.push_back(std::move(entry));
  }
  return list;
}

Json described(const PointResult& result, Strings& layers) {
  const PointRecord& record = result.point;
  return {{"point", record.point},
          {"first", record.first},
          {"batch", record.batch},
          {"label", record.label},
          {"predicted", record.predicted},
          {"zone", name(record.zone)},
          {"cause", record.cause},
          {"cause_layer", record.cause_layer},
          {"proof", record.proof},
          {"witness", record.witness},
          {"delta_real_lower", rounded(record.delta_real_lower)},
          {"delta_real_upper", rounded(record.delta_real_upper)},
          {"delta_float_inf", rounded(record.delta_float_inf)},
          {"float_sees", record.float_sees},
          {"image", picture(result.image)},
          {"ties", tie_counts(result, layers)},
          {"marks", marks_of(result, layers)}};
}

}  // namespace

bool is_worse(const PointRecord& a, const PointRecord& b) {
  const auto rank = [](const PointRecord& point) {
    return point.zone == Zone::bifurcation    ? 0
           : point.zone == Zone::undecided    ? 1
           : point.zone == Zone::compensation ? 2
                                              : 3;
  };
  const auto size = [](const PointRecord& point) {
    const double value = point.zone == Zone::bifurcation ? point.delta_real_lower : point.delta_float_inf;
    return std::isnan(value) ? HUGE_VAL : value;
  };
  return std::tuple(rank(a), -size(a), a.point) < std::tuple(rank(b), -size(b), b.point);
}

Json points_table(const AuditResults& results) {
  std::vector<const PointResult*> rows;
  for (const PointResult& result : results.points) rows.push_back(&result);
  const std::size_t omitted = rows.size() > most_rows ? rows.size() - most_rows : 0;
  if (omitted) {
    std::stable_sort(rows.begin(), rows.end(), result_is_worse);
    rows.resize(most_rows);
  }
  Strings strings;
  Json list = Json::array();
  for (const PointResult* result : rows) {
    const PointRecord& p = result->point;
    list.push_back({p.point, p.first, strings.id(p.label), p.predicted, strings.id(p.format),
                    strings.id(name(p.zone)), strings.id(p.cause), strings.id(p.cause_layer),
                    strings.id(p.proof), strings.id(p.witness), rounded(p.delta_real_lower),
                    rounded(p.delta_real_upper), rounded(p.delta_float_inf), rounded(p.stat_inf),
                    rounded(p.stat_l1), p.bits_used});
  }
  return {
      {"columns",
       {"point", "first", "label", "predicted", "format", "zone", "cause", "cause_layer", "proof", "witness",
        "delta_real_lower", "delta_real_upper", "delta_float_inf", "stat_inf", "stat_l1", "bits_used"}},
      {"strings", strings.list()},
      {"rows", std::move(list)},
      {"omitted", omitted}};
}

Json worst_points(const std::vector<FormatPoints>& formats) {
  Strings layers;
  Json worst = Json::object();
  const std::size_t most =
      std::min<std::size_t>(12, most_pictures / std::max<std::size_t>(1, formats.size()));
  for (const FormatPoints& format : formats) {
    std::vector<const PointResult*> candidates;
    std::copy_if(format.points.begin(), format.points.end(), std::back_inserter(candidates),
                 [](const PointResult* result) { return result->point.zone != Zone::regular; });
    std::stable_sort(candidates.begin(), candidates.end(), result_is_worse);
    candidates.resize(std::min(candidates.size(), most));
    worst[format.format] = Json::array();
    for (const PointResult* result : candidates) worst[format.format].push_back(described(*result, layers));
  }
  return {{"worst_layers", layers.list()}, {"worst", std::move(worst)}};
}

}  // namespace gradzone::report_sections
