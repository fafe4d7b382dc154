#include "gradzone/report/volume_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "gradzone/base/error.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/report/strings.hpp"
#include "gradzone/zones/thresholds.hpp"

namespace gradzone::report_sections {
namespace {

/// Certified ones first, by their zones; then those that differ most.
bool point_is_worse(const VolumePoint* a, const VolumePoint* b) {
  const auto place = [](const VolumePoint* p) { return std::tuple(p->point.format, p->init); };
  if (a->certified != b->certified) return a->certified;
  if (a->certified && a->point.zone != b->point.zone) return is_worse(a->point, b->point);
  if (a->point.stat_inf != b->point.stat_inf) return a->point.stat_inf > b->point.stat_inf;
  return place(a) < place(b);
}

Json share(const std::string& what, const VolumeShare& share) {
  return {{"what", what},
          {"initialisations", frequency_of(share.inits)},
          {"batches", frequency_of(share.batches)}};
}

Json point_row(const VolumePoint& point, const HitRule& hit, Strings& strings) {
  const PointRecord& p = point.point;
  const auto certified = [&](Json value) { return point.certified ? std::move(value) : Json(); };
  const auto text = [&](const std::string& value) { return strings.id(value); };
  return Json::array({point.init, p.point, p.first, text(is_hit(hit, point) ? "yes" : "no"), text(p.label),
                      p.predicted, text(p.format), text(point.certified ? name(p.zone) : "not certified"),
                      text(p.cause), text(p.cause_layer), text(p.proof), text(p.witness),
                      certified(rounded(p.delta_real_lower)), certified(rounded(p.delta_real_upper)),
                      rounded(p.delta_float_inf), rounded(point.delta_first_layer), rounded(p.stat_inf),
                      rounded(p.stat_l1), certified(p.bits_used)});
}

}  // namespace

std::vector<VolumeFormat> volume_formats(const VolumeResults& results) {
  std::vector<VolumeFormat> formats;
  std::vector<JudgedPoints> points = judged_points(results);
  for (FormatVolume& volume : by_format(results)) {
    const auto of_format = std::ranges::find(points, volume.format, &JudgedPoints::format);
    formats.push_back({std::move(volume), std::move(*of_format)});
  }
  return formats;
}

Json shares_of(const FormatVolume& volume) {
  Json list =
      Json::array({share("hit", volume.hit), share("on a kink", volume.on_kink),
                   share("first layer differs", volume.first_layer), share("any layer differs", volume.any)});
  for (std::size_t t = 0; t < volume.over.size(); ++t)
    list.push_back(share(fmt::format("sum of ∞-norms over {}", tau_names[t]), volume.over[t]));
  return list;
}

std::vector<std::string> layers_of_network(const Json& configuration) {
  std::vector<std::string> layers;
  const auto network = configuration.find("network");
  if (network == configuration.end() || !network->is_string()) return layers;
  try {
    const std::optional<Graph> graph = find_net(network->get<std::string>(), BatchNorm::Mode::training);
    if (!graph) return layers;
    for (const Node& node : graph->nodes()) layers.push_back(node.name);
  } catch (const UsageError&) {  // an mlp of impossible size
  }
  return layers;
}

Json volume_points_table(const VolumeResults& results) {
  std::vector<const VolumePoint*> rows;
  for (const VolumePoint& point : results.points) rows.push_back(&point);
  const std::size_t omitted = rows.size() > most_rows ? rows.size() - most_rows : 0;
  if (omitted) {
    std::stable_sort(rows.begin(), rows.end(), point_is_worse);
    rows.resize(most_rows);
  }
  Strings strings;
  Json list = Json::array();
  for (const VolumePoint* point : rows) list.push_back(point_row(*point, results.hit, strings));
  return {{"columns",
           {"init", "point", "first", "hit", "label", "predicted", "format", "zone", "cause", "cause_layer",
            "proof", "witness", "delta_real_lower", "delta_real_upper", "delta_float_inf",
            "delta_first_layer", "stat_inf", "stat_l1", "bits_used"}},
          {"strings", strings.list()},
          {"rows", std::move(list)},
          {"omitted", omitted}};
}

Json initialisations_table(const VolumeResults& results) {
  Strings strings;
  Json list = Json::array(), columns{"format",    "init",        "seed", "batches",  "on_kink", "hits",
                                     "first_hit", "first_layer", "any",  "stat_inf", "stat_l1", "certified"};
  for (const Zone zone : all_zones) columns.push_back(name(zone));
  for (const VolumeRow& row : results.rows) {
    if (list.size() == most_rows) break;
    // JavaScript holds whole numbers up to 2^53.
    const Json seed = row.seed <= std::uint64_t{1} << 53 ? Json(row.seed) : Json(std::to_string(row.seed));
    Json cells = Json::array({strings.id(row.format), row.init, seed, row.batches, row.on_kink, row.hits,
                              row.first_hit ? Json(*row.first_hit) : Json(), row.first_layer, row.any,
                              rounded(row.stat_inf), rounded(row.stat_l1), row.certified});
    for (const Zone zone : all_zones) cells.push_back(row.zones[static_cast<std::size_t>(zone)]);
    list.push_back(std::move(cells));
  }
  const std::size_t omitted = results.rows.size() - list.size();
  return {{"columns", std::move(columns)},
          {"strings", strings.list()},
          {"rows", std::move(list)},
          {"omitted", omitted}};
}

}  // namespace gradzone::report_sections
