// Census: how many points lie in each zone, with which certainty and for which reasons (zones.md, sections 2
// and 7).
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>

#include "gradzone/zones/record.hpp"

namespace gradzone {

/// A closed interval of shares, within [0, 1].
struct Interval {
  double low = 0, high = 1;
};

/// The 95 % Clopper-Pearson interval of k successes in n trials: both tails hold at most 2.5 %. The ends are
/// rounded to 6 significant digits, so that they print the same on every machine; [0, 1] for n = 0.
/// Preconditions: 0 <= k <= n.
Interval clopper_pearson_95(Index k, Index n);

/// k of n points; the share is 0 for n = 0.
struct Frequency {
  Index count = 0;
  double share = 0;
  Interval ci95;
};
Frequency frequency(Index count, Index of);

/// The counts over a set of points. Where the points come from several formats they are not independent of
/// each other, so the intervals describe one format only when the points do.
struct Census {
  Index points = 0;
  std::array<Frequency, 4> zones;       ///< in the order of all_zones; see zone()
  std::map<std::string, Index> causes;  ///< cause -> points
  std::map<std::string, std::map<std::string, Index>> cause_layers;  ///< cause -> first layer -> points
  std::map<std::string, Index> proofs;  ///< how Delta_R was decided (without chances) -> points
  StageCounts stages;                   ///< which stage of the reference settled how many branches
  Index bifurcations_seen = 0;          ///< bifurcation points whose float gradients differ
  Index bifurcations_hidden = 0;        ///< bifurcation points whose float gradients agree

  const Frequency& zone(Zone z) const { return zones[static_cast<std::size_t>(z)]; }
};

Census take_census(std::span<const PointRecord> points);

/// "951,040 by filter, 1,920 by structure, 0 undecided": zeros are left out, but for the last.
std::string stages_text(const StageCounts& stages);

}  // namespace gradzone
