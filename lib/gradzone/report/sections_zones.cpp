// Zones, causes, and thresholds against proofs: counts over the points of one format.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "gradzone/report/sections.hpp"
#include "gradzone/zones/census.hpp"
#include "gradzone/zones/thresholds.hpp"

namespace gradzone::report_sections {
namespace {

Json zone_counts(const std::array<Index, std::size(all_zones)>& counts) {
  Json object = Json::object();
  for (const Zone zone : all_zones) object[name(zone)] = counts[static_cast<std::size_t>(zone)];
  return object;
}

std::vector<PointRecord> records_of(const FormatPoints& format) {
  std::vector<PointRecord> records;
  for (const PointResult* result : format.points) records.push_back(result->point);
  return records;
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

Json zones_of(const FormatPoints& format) {
  const Census census = take_census(records_of(format));
  Json zones = Json::object();
  for (const Zone zone : all_zones) {
    const Frequency& frequency = census.zone(zone);
    zones[name(zone)] = {{"count", frequency.count},
                         {"share", frequency.share},
                         {"low", frequency.ci95.low},
                         {"high", frequency.ci95.high}};
  }
  return zones;
}

Json causes_of(const FormatPoints& format) {
  std::vector<std::string> layers;  // forward order, where the branch records tell it
  for (const PointResult* result : format.points) {
    for (const BranchRecord& branch : result->branches) {
      if (std::find(layers.begin(), layers.end(), branch.layer) == layers.end())
        layers.push_back(branch.layer);
    }
  }
  const auto place = [&](const std::string& layer) {
    return std::find(layers.begin(), layers.end(), layer) - layers.begin();
  };
  std::map<std::tuple<std::ptrdiff_t, std::string, std::string>, Index> counts;
  for (const PointResult* result : format.points) {
    const PointRecord& point = result->point;
    if (!point.cause.empty()) ++counts[{place(point.cause_layer), point.cause_layer, point.cause}];
  }
  Json list = Json::array();
  for (const auto& [key, count] : counts) {
    list.push_back({{"cause", std::get<2>(key)}, {"layer", std::get<1>(key)}, {"count", count}});
  }
  return list;
}

Json thresholds_of(const FormatPoints& format) {
  Json list = Json::array();
  for (const ThresholdResult& result : compare_with_thresholds(records_of(format))) {
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

Json statistics_of(const FormatPoints& format) {
  Json statistics = Json::object();
  for (const Statistic statistic : {Statistic::inf, Statistic::l1}) {
    constexpr int zero = -10000, infinite = 10000;
    std::map<int, std::array<Index, std::size(all_zones)>> decades;
    for (const PointResult* result : format.points) {
      const double x = value(result->point, statistic);
      const int decade = x == 0 ? zero : std::isfinite(x) ? decade_of(x) : infinite;
      ++decades[decade][static_cast<std::size_t>(result->point.zone)];
    }
    Json& bins = statistics[short_name(statistic)] = Json::array();
    for (const auto& [decade, counts] : decades) {
      const Json label = decade == zero ? Json("zero") : decade == infinite ? Json("inf") : Json(decade);
      bins.push_back({{"decade", label}, {"zones", zone_counts(counts)}});
    }
  }
  return statistics;
}

}  // namespace gradzone::report_sections
