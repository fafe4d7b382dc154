// The paper's heuristic beside the proofs: a point is "numerically bifurcating" when a norm of the difference
// of its float gradients exceeds a threshold tau (boustany2024; zones.md, section 4).
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

/// Which of the paper's two norms: the sum over parameter tensors of the inf-norm, or of the 1-norm.
enum class Statistic { inf, l1 };
const char* name(Statistic statistic);  ///< the column of points.csv: "stat_inf", "stat_l1"
double value(const PointRecord& point, Statistic statistic);

/// Every tau that boustany2024 uses with stat_inf, for whatever format.
inline constexpr std::array published_taus{1e-3, 1e-6, 1e-7, 1e-15};

struct Threshold {
  Statistic statistic = Statistic::inf;
  std::optional<double> tau;  ///< empty: it could not be estimated, `source` says why
  std::string source;         ///< where tau comes from, one sentence
};

/// Threshold label x certified zone.
struct Confusion {
  std::array<Index, 4> above{};      ///< points labelled "numerical bifurcation" (statistic > tau), by zone
  std::array<Index, 4> not_above{};  ///< the others, by zone; a statistic that is NaN is not above

  Index labelled(Zone zone) const { return above[static_cast<std::size_t>(zone)]; }
  Index unlabelled(Zone zone) const { return not_above[static_cast<std::size_t>(zone)]; }

  /// Labelled "bifurcation" with a proof that they are none: regular and compensation points above.
  Index false_alarms() const { return labelled(Zone::regular) + labelled(Zone::compensation); }
  /// Bifurcations that are not labelled so.
  Index missed() const { return unlabelled(Zone::bifurcation); }
  /// Of the decided points.
  Index wrong() const { return false_alarms() + missed(); }
  Index decided() const;
};

/// One threshold and how it fares; the confusion is empty where tau is.
struct ThresholdResult {
  Threshold threshold;
  std::optional<Confusion> confusion;
};

/// The thresholds that boustany2024 uses for this storage format, inf first: published for stat_inf (1e-3 at
/// 16 bits, 1e-7 and 1e-6 at 32, 1e-15 at 64), estimated by its rule from `points` for stat_l1 (smallest
/// positive value at 16 bits, largest value at 32 and 64 bits; values that are not finite do not count).
std::vector<Threshold> thresholds_for(FormatId format, std::span<const PointRecord> points);

Confusion compare_with_threshold(std::span<const PointRecord> points, Statistic statistic, double tau);

/// The best that any threshold could do: the tau with the fewest wrong labels, the largest one of several.
struct BestThreshold {
  double tau = 0;  ///< one of the values, or 0
  Confusion confusion;
  /// The chance that a bifurcation has a larger value than a decided point that is none (equal ones count
  /// half): 1 if some tau separates them, about 0.5 if the statistic knows nothing of them. Empty unless both
  /// kinds are there.
  std::optional<double> separation;
};
/// A value that is NaN is never above. For no points, tau 0.
BestThreshold best_threshold(std::span<const PointRecord> points, Statistic statistic);

/// The points whose statistic lies in [10^exponent, 10^(exponent + 1)), is zero, or is not finite.
struct Decade {
  enum class Kind { zero, finite, not_finite };
  Kind kind = Kind::finite;
  int exponent = 0;              ///< of a finite one; else 0
  std::array<Index, 4> zones{};  ///< certified points, as all_zones
  Index uncertified = 0;
  auto order() const { return std::pair(kind, exponent); }
};

/// Only decades that have points: zero, then finite ones in increasing order, then what is not finite.
/// `zeros` more uncertified points have the value 0.
std::vector<Decade> decades(std::span<const PointRecord> certified, std::span<const PointRecord> uncertified,
                            Index zeros, Statistic statistic);

/// Every threshold of the points' format with its confusion matrix. Precondition: all points have the same
/// format, and parse_format accepts it.
std::vector<ThresholdResult> compare_with_thresholds(std::span<const PointRecord> points);

}  // namespace gradzone
