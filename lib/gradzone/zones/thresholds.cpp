#include "gradzone/zones/thresholds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace gradzone {
namespace {

std::vector<Threshold> published(FormatId format) {
  constexpr Statistic inf = Statistic::inf;
  switch (format) {
    case FormatId::fp16:
      return {{inf, 1e-3, "boustany2024, volume experiments at 16 bits"}};
    case FormatId::bf16:
    case FormatId::fp16_strict:
      return {{inf, 1e-3, "boustany2024, taken from fp16: the paper has none for this format"}};
    case FormatId::fp32:
      return {{inf, 1e-7, "boustany2024, volume experiments at 32 bits"},
              {inf, 1e-6, "boustany2024, one of the volume experiments at 32 bits"}};
    case FormatId::fp64:
      return {{inf, 1e-15, "boustany2024, volume experiments at 64 bits"}};
  }
  return {};
}

bool has_16_bits(FormatId format) {
  return format == FormatId::fp16 || format == FormatId::bf16 || format == FormatId::fp16_strict;
}

/// The rule of boustany2024's threshold experiments, applied to these points.
Threshold estimate(FormatId format, std::span<const PointRecord> points) {
  std::vector<double> positive;
  for (const PointRecord& point : points) {
    if (std::isfinite(point.stat_l1) && point.stat_l1 > 0) positive.push_back(point.stat_l1);
  }
  if (positive.empty())
    return {Statistic::l1, {}, "cannot be estimated: no point has a positive, finite stat_l1"};
  if (has_16_bits(format)) {
    return {Statistic::l1, *std::ranges::min_element(positive),
            "rule of boustany2024 at 16 bits: the smallest positive value of these points"};
  }
  return {Statistic::l1, *std::ranges::max_element(positive),
          "rule of boustany2024 at 32 and 64 bits: the largest value of these points"};
}

/// Decided points of one value.
struct Group {
  Index bifurcations = 0, others = 0;
};

std::map<double, Group> group(std::span<const PointRecord> points, Statistic statistic) {
  std::map<double, Group> out;
  for (const PointRecord& point : points) {
    const double x = value(point, statistic);
    if (point.zone == Zone::undecided || std::isnan(x)) continue;
    Group& g = out[x];
    ++(point.zone == Zone::bifurcation ? g.bifurcations : g.others);
  }
  return out;
}

std::optional<double> separation_of(const std::map<double, Group>& groups) {
  double ordered = 0, others_below = 0, bifurcations = 0;
  for (const auto& [x, g] : groups) {
    const double b = static_cast<double>(g.bifurcations), o = static_cast<double>(g.others);
    ordered += b * (others_below + o / 2);
    others_below += o;
    bifurcations += b;
  }
  if (bifurcations == 0 || others_below == 0) return std::nullopt;
  return ordered / (bifurcations * others_below);
}

/// The k with 10^k <= x < 10^(k + 1), read off the shortest decimal form: 1e-7 is in decade -7 on every
/// machine.
int decade_of(double x) {
  const std::string text = fmt::format("{:e}", x);
  return std::stoi(text.substr(text.find('e') + 1));
}

Decade decade_at(double x) {
  if (x == 0) return {Decade::Kind::zero, 0, {}, 0};
  if (!std::isfinite(x)) return {Decade::Kind::not_finite, 0, {}, 0};
  return {Decade::Kind::finite, decade_of(x), {}, 0};
}

}  // namespace

Index Confusion::decided() const {
  Index out = 0;
  for (const Zone zone : {Zone::regular, Zone::compensation, Zone::bifurcation})
    out += labelled(zone) + unlabelled(zone);
  return out;
}

const char* name(Statistic statistic) {
  return statistic == Statistic::inf ? "stat_inf" : "stat_l1";
}

double value(const PointRecord& point, Statistic statistic) {
  return statistic == Statistic::inf ? point.stat_inf : point.stat_l1;
}

std::vector<Threshold> thresholds_for(FormatId format, std::span<const PointRecord> points) {
  std::vector<Threshold> thresholds = published(format);
  thresholds.push_back(estimate(format, points));
  return thresholds;
}

Confusion compare_with_threshold(std::span<const PointRecord> points, Statistic statistic, double tau) {
  Confusion confusion;
  for (const PointRecord& point : points) {
    auto& row = value(point, statistic) > tau ? confusion.above : confusion.not_above;
    ++row[static_cast<std::size_t>(point.zone)];
  }
  return confusion;
}

BestThreshold best_threshold(std::span<const PointRecord> points, Statistic statistic) {
  const std::map<double, Group> groups = group(points, statistic);
  // The wrong labels of tau = x: bifurcations up to x, and others beyond it.
  Index beyond = 0, up_to = 0;
  for (const auto& [x, g] : groups) beyond += g.others;
  BestThreshold best;
  std::optional<Index> fewest;
  const auto consider = [&](double tau) {
    if (fewest && up_to + beyond > *fewest) return;
    fewest = up_to + beyond;
    best.tau = tau;
  };
  if (!groups.contains(0)) consider(0);
  for (const auto& [x, g] : groups) {
    up_to += g.bifurcations;
    beyond -= g.others;
    consider(x);
  }
  best.confusion = compare_with_threshold(points, statistic, best.tau);
  best.separation = separation_of(groups);
  return best;
}

std::vector<Decade> decades(std::span<const PointRecord> certified, std::span<const PointRecord> uncertified,
                            Index zeros, Statistic statistic) {
  std::map<std::pair<Decade::Kind, int>, Decade> out;
  const auto at = [&](double x) -> Decade& {
    const Decade decade = decade_at(x);
    return out.try_emplace(decade.order(), decade).first->second;
  };
  for (const PointRecord& p : certified) ++at(value(p, statistic)).zones[static_cast<std::size_t>(p.zone)];
  for (const PointRecord& p : uncertified) ++at(value(p, statistic)).uncertified;
  if (zeros > 0) at(0).uncertified += zeros;
  std::vector<Decade> list;
  for (const auto& [order, decade] : out) list.push_back(decade);
  return list;
}

std::vector<ThresholdResult> compare_with_thresholds(std::span<const PointRecord> points) {
  if (points.empty()) return {};
  std::vector<ThresholdResult> results;
  for (Threshold& threshold : thresholds_for(parse_format(points.front().format).id, points)) {
    ThresholdResult& result = results.emplace_back();
    if (threshold.tau) result.confusion = compare_with_threshold(points, threshold.statistic, *threshold.tau);
    result.threshold = std::move(threshold);
  }
  return results;
}

}  // namespace gradzone
