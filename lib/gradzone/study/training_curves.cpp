#include "gradzone/study/training_curves.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace gradzone {
namespace {

template <class Figure>
Spread spread_over(const std::vector<const EpochRecord*>& records, Figure figure) {
  std::vector<double> values;
  for (const EpochRecord* record : records) values.push_back(record->*figure);
  return spread_of(values);
}

TrainingCurve curve_of(const TrainUnit& configuration, const std::vector<const TraceRow*>& rows) {
  TrainingCurve curve{configuration, 0, {}};
  std::map<int, std::vector<const EpochRecord*>> epochs;
  for (const TraceRow* row : rows) epochs[row->record.epoch].push_back(&row->record);
  for (const auto& [epoch, records] : epochs) {
    const int runs = static_cast<int>(records.size());
    curve.runs = std::max(curve.runs, runs);
    curve.epochs.push_back({epoch, runs, spread_over(records, &EpochRecord::test_accuracy),
                            spread_over(records, &EpochRecord::test_loss),
                            spread_over(records, &EpochRecord::train_loss)});
  }
  return curve;
}

}  // namespace

Spread spread_of(std::span<const double> values) {
  if (std::ranges::any_of(values, [](double v) { return std::isnan(v); })) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan, nan, nan};
  }
  const auto count = static_cast<double>(values.size());
  Spread out;
  for (const double v : values) out.mean += v / count;
  double squares = 0;
  for (const double v : values) squares += std::pow(v - out.mean, 2);
  out.deviation = values.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  out.lowest = std::ranges::min(values);
  out.highest = std::ranges::max(values);
  return out;
}

std::vector<TrainingCurve> curves_of(const std::vector<TraceRow>& rows) {
  std::vector<std::pair<TrainUnit, std::vector<const TraceRow*>>> configurations;
  for (const TraceRow& row : rows) {
    TrainUnit configuration = row.unit;
    configuration.run = 0;
    auto found = std::ranges::find(configurations, configuration, [](const auto& c) { return c.first; });
    if (found == configurations.end()) found = configurations.insert(found, {configuration, {}});
    found->second.push_back(&row);
  }
  std::vector<TrainingCurve> curves;
  for (const auto& [configuration, rows_of_it] : configurations)
    curves.push_back(curve_of(configuration, rows_of_it));
  return curves;
}

bool is_collapsed(double accuracy, double best) {
  return accuracy < best / 2;
}

}  // namespace gradzone
