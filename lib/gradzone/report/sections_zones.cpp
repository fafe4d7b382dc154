// Zones, causes, and thresholds against proofs: counts over the points of one format.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "gradzone/report/sections.hpp"
#include "gradzone/zones/thresholds.hpp"

namespace gradzone::report_sections {
namespace {

Json zone_counts(const std::array<Index, std::size(all_zones)>& counts) {
  Json object = Json::object();
  for (const Zone zone : all_zones) object[name(zone)] = counts[static_cast<std::size_t>(zone)];
  return object;
}

/// "inf" or "l1"
std::string short_name(Statistic statistic) {
  return std::string(name(statistic)).substr(std::string("stat_").size());
}

/// The k with 10^k <= x < 10^(k+1), read off the shortest decimal form: 1e-7 is in decade -7 on every
/// machine.
int decade_of(double x) {
  const std::string text = fmt::format("{:e}", x);
  return std::stoi(text.substr(text.find('e') + 1));
}

}  // namespace

Json frequency_of(const Frequency& frequency) {
  return {{"count", frequency.count},
          {"share", frequency.share},
          {"low", frequency.ci95.low},
          {"high", frequency.ci95.high}};
}

Json zones_of(Records records) {
  const Census census = take_census(records);
  Json zones = Json::object();
  for (const Zone zone : all_zones) zones[name(zone)] = frequency_of(census.zone(zone));
  return zones;
}

std::vector<std::string> layers_of(const FormatPoints& format) {
  std::vector<std::string> layers;
  for (const PointResult* result : format.points) {
    for (const BranchRecord& branch : result->branches) {
      if (std::find(layers.begin(), layers.end(), branch.layer) == layers.end())
        layers.push_back(branch.layer);
    }
  }
  return layers;
}

Json causes_of(Records records, const std::vector<std::string>& layers) {
  const auto place = [&](const std::string& layer) {
    return std::find(layers.begin(), layers.end(), layer) - layers.begin();
  };
  std::map<std::tuple<std::ptrdiff_t, std::string, std::string>, Index> counts;
  for (const PointRecord& point : records) {
    if (!point.cause.empty()) ++counts[{place(point.cause_layer), point.cause_layer, point.cause}];
  }
  Json list = Json::array();
  for (const auto& [key, count] : counts) {
    list.push_back({{"cause", std::get<2>(key)}, {"layer", std::get<1>(key)}, {"count", count}});
  }
  return list;
}

Json thresholds_of(Records records) {
  Json list = Json::array();
  for (const ThresholdResult& result : compare_with_thresholds(records)) {
    const Threshold& threshold = result.threshold;
    Json rule{{"norm", short_name(threshold.statistic)}, {"tau", nullptr}, {"origin", threshold.source}};
    if (threshold.tau && result.confusion) {
      rule["tau"] = *threshold.tau;
      rule["matrix"] = {{"above", zone_counts(result.confusion->above)},
                        {"below", zone_counts(result.confusion->not_above)}};
    }
    list.push_back(std::move(rule));
  }
  return list;
}

Json statistics_of(Records records, Records uncertified, Index still) {
  constexpr std::size_t zones = std::size(all_zones);
  Json statistics = Json::object();
  for (const Statistic statistic : {Statistic::inf, Statistic::l1}) {
    constexpr int zero = -10000, infinite = 10000;
    std::map<int, std::array<Index, zones + 1>> decades;  // the last class is not certified
    const auto add = [&](const PointRecord& point, std::size_t kind) {
      const double x = value(point, statistic);
      ++decades[x == 0 ? zero : std::isfinite(x) ? decade_of(x) : infinite][kind];
    };
    for (const PointRecord& point : records) add(point, static_cast<std::size_t>(point.zone));
    for (const PointRecord& point : uncertified) add(point, zones);
    if (still > 0) decades[zero][zones] += still;
    Json& bins = statistics[short_name(statistic)] = Json::array();
    for (const auto& [decade, counts] : decades) {
      const Json label = decade == zero ? Json("zero") : decade == infinite ? Json("inf") : Json(decade);
      Json classes = Json::object();
      for (const Zone zone : all_zones) classes[name(zone)] = counts[static_cast<std::size_t>(zone)];
      if (!uncertified.empty() || still > 0) classes["not certified"] = counts[zones];
      bins.push_back({{"decade", label}, {"zones", std::move(classes)}});
    }
  }
  return statistics;
}

}  // namespace gradzone::report_sections
