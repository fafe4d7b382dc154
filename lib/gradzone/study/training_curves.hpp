// Training curves: what the runs of a configuration have in common, epoch by epoch.
#pragma once

#include <span>
#include <vector>

#include "gradzone/study/training_trace.hpp"

namespace gradzone {

/// Of some values. A NaN among them makes every figure NaN.
struct Spread {
  double mean = 0;
  double deviation = 0;  ///< with n - 1; 0 for a single value
  double lowest = 0, highest = 0;
};
/// Precondition: at least one value.
Spread spread_of(std::span<const double> values);

/// An epoch over the runs that have it.
struct CurveEpoch {
  int epoch = 0, runs = 0;
  Spread test_accuracy, test_loss, train_loss;
};

/// A configuration.
struct TrainingCurve {
  TrainUnit unit;  ///< its run 0
  int runs = 0;
  std::vector<CurveEpoch> epochs;  ///< ascending; at least one

  const CurveEpoch& last() const { return epochs.back(); }
};

/// In the order in which the configurations first appear.
std::vector<TrainingCurve> curves_of(const std::vector<TraceRow>& rows);

/// Whether a final accuracy is that of a network that learned nothing, judged by the `best` one of comparable
/// configurations: less than half of it.
bool is_collapsed(double accuracy, double best);

}  // namespace gradzone
