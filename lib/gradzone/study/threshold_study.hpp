// Thresholds beside proofs, over the points of a finished audit or volume study (boustany2024, threshold
// experiments; zones.md, section 4): how the difference of the float gradients is distributed, which tau it
// gives, and how well any tau tells the certified zones.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/io/results.hpp"
#include "gradzone/study/volume_study.hpp"
#include "gradzone/zones/thresholds.hpp"

namespace gradzone {

/// What a study looked at in one format.
struct JudgedPoints {
  std::string format;                  ///< full name
  std::vector<PointRecord> certified;  ///< their zones are proven, or undecided
  std::vector<PointRecord> uncertified;
  Index still = 0;  ///< further points that were not certified and whose float gradients do not differ

  Index size() const { return static_cast<Index>(certified.size() + uncertified.size()) + still; }
};
/// In the order of the results' formats.
std::vector<JudgedPoints> judged_points(const AuditResults& results);
std::vector<JudgedPoints> judged_points(const VolumeResults& results);

/// A threshold and what it labels.
struct JudgedThreshold {
  Threshold threshold;
  Confusion confusion;  ///< of the certified points; empty counts where there is no tau
  Index uncertified_above = 0, uncertified_not_above = 0;
};

/// The published thresholds of the format, and the rule's (thresholds_for), which is applied to all points.
std::vector<JudgedThreshold> judge_thresholds(const JudgedPoints& points);

/// One of the two norms over all points.
struct StatisticSummary {
  Statistic statistic = Statistic::inf;
  std::vector<Decade> decades;
  std::optional<double> smallest, median, largest;  ///< of the positive, finite values
  BestThreshold best;                               ///< of the certified points
};

struct FormatThresholds {
  std::string format;
  Index points = 0, certified = 0;
  std::vector<JudgedThreshold> thresholds;
  std::array<StatisticSummary, 2> statistics;  ///< inf, l1
};
std::vector<FormatThresholds> threshold_study(const std::vector<JudgedPoints>& formats);

/// decades.csv: a row a format, statistic and decade.
std::string decades_csv(const std::vector<FormatThresholds>& formats);
/// thresholds.csv: a row a format and threshold; the best possible ones are among them.
std::string thresholds_csv(const std::vector<FormatThresholds>& formats);
/// thresholds.json: all of it.
std::string thresholds_json(const std::vector<FormatThresholds>& formats);

}  // namespace gradzone
