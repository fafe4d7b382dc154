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

namespace {

Json matrix_of(const Confusion& confusion) {
  return {{"above", zone_counts(confusion.above)}, {"below", zone_counts(confusion.not_above)}};
}

bool all_certified(const JudgedPoints& points) {
  return points.uncertified.empty() && points.still == 0;
}

/// The best possible thresholds, where there are bifurcations to find.
void add_best(Json& list, const JudgedPoints& points) {
  for (const Statistic statistic : {Statistic::inf, Statistic::l1}) {
    const BestThreshold best = best_threshold(points.certified, statistic);
    if (!best.separation || !std::isfinite(best.tau)) continue;
    list.push_back({{"norm", short_name(statistic)},
                    {"tau", best.tau},
                    {"origin", "the best possible one: the fewest wrong labels of these points"},
                    {"matrix", matrix_of(best.confusion)}});
  }
}

}  // namespace

Json thresholds_of(const JudgedPoints& points) {
  Json list = Json::array();
  for (const JudgedThreshold& judged : judge_thresholds(points)) {
    const Threshold& threshold = judged.threshold;
    Json rule{{"norm", short_name(threshold.statistic)}, {"tau", nullptr}, {"origin", threshold.source}};
    if (threshold.tau) {
      rule["tau"] = *threshold.tau;
      if (!points.certified.empty()) rule["matrix"] = matrix_of(judged.confusion);
      if (!all_certified(points))
        rule["uncertified"] = {{"above", judged.uncertified_above}, {"below", judged.uncertified_not_above}};
    }
    list.push_back(std::move(rule));
  }
  add_best(list, points);
  return list;
}

Json statistics_of(const JudgedPoints& points) {
  Json statistics = Json::object();
  for (const Statistic statistic : {Statistic::inf, Statistic::l1}) {
    Json& bins = statistics[short_name(statistic)] = Json::array();
    for (const Decade& decade : decades(points.certified, points.uncertified, points.still, statistic)) {
      const Json label = decade.kind == Decade::Kind::zero         ? Json("zero")
                         : decade.kind == Decade::Kind::not_finite ? Json("inf")
                                                                   : Json(decade.exponent);
      Json classes = zone_counts(decade.zones);
      if (!all_certified(points)) classes["not certified"] = decade.uncertified;
      bins.push_back({{"decade", label}, {"zones", std::move(classes)}});
    }
  }
  return statistics;
}

}  // namespace gradzone::report_sections
