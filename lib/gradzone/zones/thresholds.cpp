#include "gradzone/zones/thresholds.hpp"

#include <algorithm>
#include <cmath>

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

}  // namespace

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
