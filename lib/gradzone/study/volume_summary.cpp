#include "gradzone/study/volume_summary.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gradzone/io/census_json.hpp"

namespace gradzone {
namespace {

/// Counts of mini-batches, pass by pass.
class Counter {
 public:
  void add(Index batches) {
    batches_ += batches;
    inits_ += batches > 0;
  }
  VolumeShare share(Index inits, Index batches) const {
    return {frequency(inits_, inits), frequency(batches_, batches)};
  }

 private:
  Index inits_ = 0, batches_ = 0;
};

struct Counters {
  Counter on_kink, hit, first_layer, any;
  std::array<Counter, published_taus.size()> over;

  void add(const VolumeRow& row) {
    on_kink.add(row.on_kink);
    hit.add(row.hits);
    first_layer.add(row.first_layer);
    any.add(row.any);
    for (std::size_t t = 0; t < over.size(); ++t) over[t].add(row.over[t]);
  }
};

FormatVolume volume_of(const VolumeResults& results, const std::string& format) {
  FormatVolume out;
  out.format = format;
  Counters counters;
  Index hits = 0;
  for (const VolumeRow& row : results.rows) {
    if (row.format != format) continue;
    ++out.inits;
    out.batches += row.batches;
    hits += row.hits;
    counters.add(row);
    out.stat_inf = std::max(out.stat_inf, row.stat_inf);
    out.stat_l1 = std::max(out.stat_l1, row.stat_l1);
  }
  const auto share = [&](const Counter& counter) { return counter.share(out.inits, out.batches); };
  out.on_kink = share(counters.on_kink);
  out.hit = share(counters.hit);
  out.first_layer = share(counters.first_layer);
  out.any = share(counters.any);
  std::ranges::transform(counters.over, out.over.begin(), share);
  std::vector<PointRecord> certified;
  Index hits_certified = 0;
  for (const VolumePoint& p : results.points) {
    if (!p.certified || p.point.format != format) continue;
    certified.push_back(p.point);
    hits_certified += is_hit(results.hit, p);
  }
  out.certified = frequency(static_cast<Index>(certified.size()), out.batches);
  out.hits_certified = frequency(hits_certified, hits);
  out.census = take_census(certified);
  return out;
}

Json share_json(const VolumeShare& share) {
  return {{"initialisations", frequency_json(share.inits)}, {"batches", frequency_json(share.batches)}};
}

/// JSON has no infinity: a text.
Json number_json(double v) {
  return std::isfinite(v) ? Json(v) : Json("inf");
}

Json format_json(const FormatVolume& volume, const HitRule& hit) {
  Json json{{"initialisations", volume.inits}, {"batches", volume.batches}};
  json["on_kink"] = share_json(volume.on_kink);
  json["hit"] = share_json(volume.hit);
  json["hit"]["rule"] = hit.text();
  json["first_layer_differs"] = share_json(volume.first_layer);
  json["any_differs"] = share_json(volume.any);
  for (std::size_t t = 0; t < volume.over.size(); ++t)
    json["over"][tau_names[t]] = share_json(volume.over[t]);
  json["stat_inf_max"] = number_json(volume.stat_inf);
  json["stat_l1_max"] = number_json(volume.stat_l1);
  json["certified"] = {{"batches", frequency_json(volume.certified)},
                       {"hits", frequency_json(volume.hits_certified)}};
  json["certified"].update(census_json(volume.census));
  return json;
}

}  // namespace

bool is_hit(const HitRule& rule, const VolumePoint& p) {
  const PointRecord& floats = p.point;
  return rule.is_hit(
      {floats.delta_float_inf, floats.delta_float_l1, floats.stat_inf, floats.stat_l1, p.delta_first_layer});
}

std::vector<FormatVolume> by_format(const VolumeResults& results) {
  std::vector<FormatVolume> out;
  for (const VolumeRow& row : results.rows) {
    if (out.empty() || out.back().format != row.format) out.push_back(volume_of(results, row.format));
  }
  return out;
}

std::string volume_summary_json(const VolumeResults& results) {
  Json configuration = Json::parse(results.configuration);
  configuration["command"] = results.command;
  Json json{{"command", results.command}, {"initialisations", results.inits}};
  for (const FormatVolume& volume : by_format(results))
    json["formats"][volume.format] = format_json(volume, results.hit);
  json["configuration"] = std::move(configuration);
  return write_json(json);
}

}  // namespace gradzone
