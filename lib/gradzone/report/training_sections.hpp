// The parts of the page of a training: one function each, inside this module only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gradzone/report/sections.hpp"
#include "gradzone/study/published_curves.hpp"
#include "gradzone/study/training_record.hpp"

namespace gradzone::report_sections {

/// "fp16 composed, β = 1000", which does not break at the equals sign
std::string label_of(const TrainUnit& configuration);
bool same_configuration(const TrainUnit& a, const TrainUnit& b);

/// The runs of each curve that ended with a NaN as test loss or learned nothing (is_collapsed, judged by the
/// best curve of the training).
std::vector<int> collapsed_runs(const TrainingRecord& record, const std::vector<TrainingCurve>& curves);

/// The best configuration, the collapsed ones, the first NaN.
std::vector<std::string> training_headlines(const TrainingRecord& record,
                                            const std::vector<TrainingCurve>& curves);
/// What the comparison says, or how to read the curves without one.
std::string training_meaning(const std::vector<PublishedComparison>& comparisons);

/// [{label, format, form, beta, runs, epochs, final, collapsed, non_finite, epoch, accuracy, test_loss,
/// train_loss, published}], one entry a curve
Json configurations_of(const TrainingRecord& record, const std::vector<TrainingCurve>& curves,
                       const std::vector<PublishedComparison>& comparisons);
/// [{configuration, bins: [{from, to, zones}], zones, cause}]; `configuration` is the position of a curve
Json zones_over_steps(const TrainingRecord& record, const std::vector<TrainingCurve>& curves);
/// [{configuration, epochs, median, lowest, highest, rate}], seconds an epoch and images a second
Json times_of(const TrainingRecord& record, const std::vector<TrainingCurve>& curves);

}  // namespace gradzone::report_sections
