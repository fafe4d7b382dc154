#include "gradzone/report/compare_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "gradzone/io/results.hpp"
#include "gradzone/report/strings.hpp"
#include "gradzone/report/volume_sections.hpp"

namespace gradzone::report_sections {
namespace {

std::string tables_of(const AuditResults& results, const FormatPoints& format) {
  AuditResults part{results.configuration, {}};
  for (const PointResult* point : format.points) part.points.push_back(*point);
  return points_csv(part) + branches_csv(part) + gradients_csv(part) + samples_csv(part);
}

std::string tables_of(const VolumeResults& results, const std::string& format) {
  std::vector<VolumeRow> rows;
  std::vector<VolumePoint> points;
  std::ranges::copy_if(results.rows, std::back_inserter(rows),
                       [&](const VolumeRow& row) { return row.format == format; });
  std::ranges::copy_if(results.points, std::back_inserter(points),
                       [&](const VolumePoint& p) { return p.point.format == format; });
  return volume_csv(rows) + volume_points_csv(points);
}

const Side* find(const std::vector<Side>& sides, const std::string& format) {
  const auto at = std::ranges::find(sides, format, &Side::format);
  return at == sides.end() ? nullptr : &*at;
}

}  // namespace

std::vector<Side> sides_of(const AuditResults& results) {
  std::vector<Side> sides;
  for (const FormatPoints& format : by_format(results)) {
    Side& side = sides.emplace_back();
    side.format = format.format;
    side.records = format.records;
    side.layers = layers_of(format);
    side.bits = bits_of({format});
    side.bytes = tables_of(results, format);
  }
  return sides;
}

std::vector<Side> sides_of(const VolumeResults& results) {
  const std::vector<std::string> layers = layers_of_network(parse_configuration(results.configuration));
  std::vector<Side> sides;
  for (VolumeFormat& format : volume_formats(results)) {
    Side& side = sides.emplace_back();
    side.format = format.volume.format;
    side.records = std::move(format.points.certified);
    side.layers = layers;
    side.bytes = tables_of(results, side.format);
    side.volume = std::move(format.volume);
  }
  return sides;
}

namespace {

/// "fp16" of "fp16/pairwise": what two programs of other orders have in common.
std::string storage_of(const Side* side) {
  return side->format.substr(0, side->format.find('/'));
}

/// Puts the sides that only B has beside those that only A has, where `key` leaves one of each.
template <class Key>
void pair_up(std::vector<Entry>& entries, std::vector<const Side*>& only_b, const Key& key) {
  for (Entry& entry : entries) {
    if (entry.b != nullptr) continue;
    const auto is_like = [&](const Side* side) { return key(side) == key(entry.a); };
    const auto alone_in_a = [&](const Entry& e) { return e.b == nullptr && is_like(e.a); };
    if (std::ranges::count_if(only_b, is_like) != 1 || std::ranges::count_if(entries, alone_in_a) != 1)
      continue;
    const auto found = std::ranges::find_if(only_b, is_like);
    entry.b = *found;
    entry.name += " | " + short_name(entry.b->format);
    only_b.erase(found);
  }
}

}  // namespace

std::vector<Entry> entries_of(const std::vector<Side>& a, const std::vector<Side>& b) {
  std::vector<Entry> entries;
  for (const Side& side : a) entries.push_back({short_name(side.format), &side, find(b, side.format)});
  std::vector<const Side*> only_b;
  for (const Side& side : b) {
    if (find(a, side.format) == nullptr) only_b.push_back(&side);
  }
  pair_up(entries, only_b, storage_of);
  pair_up(entries, only_b, [](const Side*) { return 0; });
  for (const Side* side : only_b) entries.push_back({short_name(side->format), nullptr, side});
  return entries;
}

bool beyond(const Frequency& a, const Frequency& b) {
  return a.ci95.high < b.ci95.low || b.ci95.high < a.ci95.low;
}

Matches matches_of(const Entry& entry) {
  std::map<Index, const PointRecord*> of_a;
  for (const PointRecord& record : entry.a->records) of_a.emplace(record.point, &record);
  Matches matches;
  for (const PointRecord& record : entry.b->records) {
    const auto at = of_a.find(record.point);
    if (at != of_a.end() && at->second->first == record.first && at->second->batch == record.batch)
      matches.emplace_back(at->second, &record);
  }
  return matches;
}

std::string other_points(const Json& a, const Json& b) {
  std::vector<std::string> keys{"data_sha256", "split", "batch", "shuffle"};
  if (a.value("shuffle", Json(false)) == true) keys.emplace_back("seed");  // it draws the order
  for (const std::string& key : keys) {
    const Json of_a = a.value(key, Json()), of_b = b.value(key, Json());
    if (of_a == of_b) continue;
    return key == "data_sha256" ? "other images" : fmt::format("{}: {} | {}", key, of_a.dump(), of_b.dump());
  }
  return "";
}

Json differing_keys(const Json& a, const Json& b) {
  const Json of_a = provenance(a), of_b = provenance(b);
  const auto value = [](const Json& list, const Json& key) {
    const auto at = std::find_if(list.begin(), list.end(), [&](const Json& fact) { return fact[0] == key; });
    return at == list.end() ? Json("–") : (*at)[1];
  };
  Json keys = Json::array(), out = Json::array();
  for (const Json* list : {&of_a, &of_b}) {
    for (const Json& fact : *list) {
      if (fact[0] != "command" && std::find(keys.begin(), keys.end(), fact[0]) == keys.end())
        keys.push_back(fact[0]);
    }
  }
  for (const Json& key : keys) {
    const Json x = value(of_a, key), y = value(of_b, key);
    if (x != y) out.push_back(Json::array({key, x, y}));
  }
  return out;
}

Json zone_verdicts(const Entry& entry) {
  Json out = Json::object();
  if (!entry.both()) return out;
  const Census a = take_census(entry.a->records), b = take_census(entry.b->records);
  for (const Zone zone : all_zones) {
    const bool equal = a.zone(zone).count == b.zone(zone).count && a.points == b.points;
    out[name(zone)] = equal ? "same" : beyond(a.zone(zone), b.zone(zone)) ? "beyond" : "within";
  }
  return out;
}

Json causes_side_by_side(const Entry& entry) {
  std::vector<std::string> layers;
  for (const Side* side : {entry.a, entry.b}) {
    for (const std::string& layer : side ? side->layers : std::vector<std::string>{}) {
      if (std::ranges::find(layers, layer) == layers.end()) layers.push_back(layer);
    }
  }
  std::map<std::tuple<std::ptrdiff_t, std::string, std::string>, std::array<Index, 2>> counts;
  const auto add = [&](const Side* side, std::size_t position) {
    for (const Json& row : side ? causes_of(side->records, layers) : Json::array()) {
      const auto layer = row["layer"].get<std::string>();
      counts[{std::ranges::find(layers, layer) - layers.begin(), layer, row["cause"].get<std::string>()}]
            [position] = row["count"].get<Index>();
    }
  };
  add(entry.a, 0);
  add(entry.b, 1);
  Json list = Json::array();
  for (const auto& [key, pair] : counts)
    list.push_back({{"cause", std::get<2>(key)}, {"layer", std::get<1>(key)}, {"counts", pair}});
  return list;
}

Json transitions_of(const Matches& matches) {
  Index changed = 0;
  Json matrix = Json::object();
  for (const Zone from : all_zones)
    for (const Zone to : all_zones) matrix[name(from)][name(to)] = 0;
  for (const auto& [a, b] : matches) {
    Json& count = matrix[name(a->zone)][name(b->zone)];
    count = count.get<Index>() + 1;
    changed += a->zone != b->zone;
  }
  return {{"points", matches.size()}, {"changed", changed}, {"matrix", std::move(matrix)}};
}

Json changed_table(const std::vector<Entry>& entries, const std::vector<Matches>& matches) {
  Strings strings;
  Json rows = Json::array();
  std::size_t omitted = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (const auto& [a, b] : matches[i]) {
      if (a->zone == b->zone) continue;
      if (rows.size() == most_rows) {
        ++omitted;
        continue;
      }
      rows.push_back(Json::array({a->point, a->first, strings.id(a->label), strings.id(entries[i].name),
                                  strings.id(name(a->zone)), strings.id(name(b->zone)), strings.id(a->cause),
                                  strings.id(b->cause), strings.id(a->cause_layer),
                                  strings.id(b->cause_layer), rounded(a->delta_real_upper),
                                  rounded(b->delta_real_upper), rounded(a->delta_float_inf),
                                  rounded(b->delta_float_inf), strings.id(a->proof), strings.id(b->proof)}));
    }
  }
  return {
      {"columns",
       {"point", "first", "label", "entry", "zone_a", "zone_b", "cause_a", "cause_b", "layer_a", "layer_b",
        "delta_real_a", "delta_real_b", "delta_float_a", "delta_float_b", "proof_a", "proof_b"}},
      {"strings", strings.list()},
      {"rows", std::move(rows)},
      {"omitted", omitted}};
}

}  // namespace gradzone::report_sections
