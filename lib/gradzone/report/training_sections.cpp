#include "gradzone/report/training_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace gradzone::report_sections {
namespace {

constexpr std::size_t most_bins = 40;  // of steps
constexpr int digits = 6;              // as accuracies of a million images need them

/// {mean, low, high}: a list each, one entry an epoch.
Json band(const TrainingCurve& curve, Spread CurveEpoch::*figure) {
  Json mean = Json::array(), low = Json::array(), high = Json::array();
  for (const CurveEpoch& epoch : curve.epochs) {
    const Spread& spread = epoch.*figure;
    mean.push_back(rounded(spread.mean, digits));
    low.push_back(rounded(spread.lowest, digits));
    high.push_back(rounded(spread.highest, digits));
  }
  return {{"mean", std::move(mean)}, {"low", std::move(low)}, {"high", std::move(high)}};
}

/// The verdict, and of the published curve what lies within our epochs.
Json published(const PublishedComparison& comparison, int last_epoch) {
  Json out{{"verdict", name(comparison.verdict)}};
  if (comparison.published == nullptr) return out;
  out["compared"] = comparison.compared;
  out["inside"] = comparison.inside;
  out["last_epoch"] = comparison.last_epoch;
  out["last_ours"] = rounded(comparison.last_ours, digits);
  out["last_published"] = rounded(comparison.last_published, digits);
  for (const char* list : {"epoch", "mean", "low", "high"}) out[list] = Json::array();
  for (const PublishedEpoch& epoch : comparison.published->epochs) {
    if (epoch.epoch > last_epoch) break;
    const Band judged = band_of(epoch);
    out["epoch"].push_back(epoch.epoch);
    out["mean"].push_back(rounded(epoch.test_accuracy.mean, digits));
    out["low"].push_back(rounded(judged.low, digits));
    out["high"].push_back(rounded(judged.high, digits));
  }
  return out;
}

/// "run 0: epoch 1, step 3, features.2" for each run of the configuration that met a NaN.
std::string non_finite(const TrainingRecord& record, const TrainUnit& configuration) {
  std::string text;
  for (const UnitResult& u : record.results.units) {
    if (!u.non_finite || !same_configuration(u.unit, configuration)) continue;
    text += fmt::format("{}run {}: epoch {}, step {}, {}", text.empty() ? "" : "; ", u.unit.run,
                        u.non_finite->epoch, u.non_finite->step, u.non_finite->layer);
  }
  return text;
}

using ZoneCounts = std::map<std::string, Index>;

/// "no point" where the weights were not finite.
std::string zone_of(const ZoneRow& row) {
  return row.is_point ? name(row.point.zone) : "no point";
}

/// Consecutive audited steps together, so that there are at most most_bins of them.
Json bins_of(const std::vector<const ZoneRow*>& rows) {
  std::map<Index, ZoneCounts> steps;
  for (const ZoneRow* row : rows) ++steps[row->step][zone_of(*row)];
  const std::size_t width = (steps.size() + most_bins - 1) / most_bins;
  Json bins = Json::array();
  std::size_t i = 0;
  for (const auto& [step, counts] : steps) {
    if (i++ % width == 0) bins.push_back({{"from", step}, {"zones", Json::object()}});
    bins.back()["to"] = step;
    Json& zones = bins.back()["zones"];
    for (const auto& [zone, count] : counts) zones[zone] = zones.value(zone, Index{0}) + count;
  }
  return bins;
}

/// "rounding at features.2": the most frequent one.
std::string frequent_cause(const std::vector<const ZoneRow*>& rows) {
  std::map<std::string, Index> counts;
  for (const ZoneRow* row : rows) {
    if (row->is_point && !row->point.cause.empty())
      ++counts[row->point.cause + " at " + row->point.cause_layer];
  }
  const auto most = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
  return most == counts.end() ? "" : most->first;
}

/// The rows of each curve's configuration.
template <class Row>
std::vector<std::vector<const Row*>> by_curve(const std::vector<Row>& rows,
                                              const std::vector<TrainingCurve>& curves) {
  std::vector<std::vector<const Row*>> out(curves.size());
  for (const Row& row : rows) {
    const auto curve = std::ranges::find_if(
        curves, [&](const TrainingCurve& c) { return same_configuration(c.unit, row.unit); });
    if (curve != curves.end()) out[static_cast<std::size_t>(curve - curves.begin())].push_back(&row);
  }
  return out;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

Json configurations_of(const TrainingRecord& record, const std::vector<TrainingCurve>& curves,
                       const std::vector<PublishedComparison>& comparisons) {
  const std::vector<int> collapsed = collapsed_runs(record, curves);
  int last_epoch = 0;
  for (const TrainingCurve& curve : curves) last_epoch = std::max(last_epoch, curve.last().epoch);
  Json list = Json::array();
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const TrainingCurve& curve = curves[i];
    const CurveEpoch& last = curve.last();
    Json epochs = Json::array(), runs = Json::array();
    for (const CurveEpoch& epoch : curve.epochs) {
      epochs.push_back(epoch.epoch);
      runs.push_back(epoch.runs);
    }
    list.push_back({{"label", label_of(curve.unit)},
                    {"format", name(curve.unit.format)},
                    {"form", name(curve.unit.form)},
                    {"beta", curve.unit.beta},
                    {"runs", curve.runs},
                    {"final",
                     {{"epoch", last.epoch},
                      {"runs", last.runs},
                      {"mean", rounded(last.test_accuracy.mean, digits)},
                      {"deviation", rounded(last.test_accuracy.deviation, digits)},
                      {"low", rounded(last.test_accuracy.lowest, digits)},
                      {"high", rounded(last.test_accuracy.highest, digits)}}},
                    {"collapsed", collapsed[i]},
                    {"non_finite", non_finite(record, curve.unit)},
                    {"epoch", std::move(epochs)},
                    {"epoch_runs", std::move(runs)},
                    {"accuracy", band(curve, &CurveEpoch::test_accuracy)},
                    {"test_loss", band(curve, &CurveEpoch::test_loss)},
                    {"train_loss", band(curve, &CurveEpoch::train_loss)},
                    {"published", comparisons.empty() ? Json() : published(comparisons[i], last_epoch)}});
  }
  return list;
}

Json zones_over_steps(const TrainingRecord& record, const std::vector<TrainingCurve>& curves) {
  const auto rows = by_curve(record.zones, curves);
  Json list = Json::array();
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (rows[i].empty()) continue;
    ZoneCounts zones;
    for (const ZoneRow* row : rows[i]) ++zones[zone_of(*row)];
    list.push_back({{"configuration", i},
                    {"bins", bins_of(rows[i])},
                    {"zones", zones},
                    {"cause", frequent_cause(rows[i])}});
  }
  return list;
}

Json times_of(const TrainingRecord& record, const std::vector<TrainingCurve>& curves) {
  const auto rows = by_curve(record.times, curves);
  Json list = Json::array();
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (rows[i].empty()) continue;
    std::vector<double> seconds, rates;
    for (const TimeRow* row : rows[i]) {
      seconds.push_back(row->seconds);
      rates.push_back(row->rate);
    }
    list.push_back({{"configuration", i},
                    {"epochs", rows[i].size()},
                    {"median", rounded(median(seconds))},
                    {"lowest", rounded(std::ranges::min(seconds))},
                    {"highest", rounded(std::ranges::max(seconds))},
                    {"rate", rounded(median(rates))}});
  }
  return list;
}

}  // namespace gradzone::report_sections
