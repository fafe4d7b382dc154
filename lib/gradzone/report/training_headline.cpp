#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "gradzone/report/training_sections.hpp"

namespace gradzone::report_sections {
namespace {

const TrainingCurve& best_of(const std::vector<TrainingCurve>& curves) {
  return *std::ranges::max_element(curves, {},
                                   [](const TrainingCurve& c) { return c.last().test_accuracy.mean; });
}

std::string best_sentence(const TrainingCurve& curve) {
  const CurveEpoch& last = curve.last();
  std::string text =
      fmt::format("Best: {}, with {:.2f} % of the test images right after {} epoch{}", label_of(curve.unit),
                  100 * last.test_accuracy.mean, last.epoch, last.epoch == 1 ? "" : "s");
  if (last.runs > 1)
    text += fmt::format(" (mean of {} runs, ± {:.2f})", last.runs, 100 * last.test_accuracy.deviation);
  return text + ".";
}

std::string collapse_sentence(const std::vector<TrainingCurve>& curves, const std::vector<int>& collapsed) {
  std::string list;
  std::size_t count = 0;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (collapsed[i] == 0) continue;
    ++count;
    list += fmt::format("{}{}", list.empty() ? "" : "; ", label_of(curves[i].unit));
    list += collapsed[i] < curves[i].runs
                ? fmt::format(" (in {} of {} runs)", collapsed[i], curves[i].runs)
                : fmt::format(" ({:.2f} %)", 100 * curves[i].last().test_accuracy.mean);
  }
  if (count == 0) return "No configuration collapsed.";
  return fmt::format("{} of {} configuration{} collapsed: {}.", count, curves.size(),
                     curves.size() == 1 ? "" : "s", list);
}

std::string non_finite_sentence(const std::vector<UnitResult>& units) {
  const UnitResult* first = nullptr;
  const auto moment = [](const UnitResult* u) {
    return std::tuple(u->non_finite->epoch, u->non_finite->step);
  };
  Index count = 0;
  for (const UnitResult& u : units) {
    if (!u.non_finite) continue;
    ++count;
    if (first == nullptr || moment(&u) < moment(first)) first = &u;
  }
  if (first == nullptr) return "";
  return fmt::format(
      "{} of {} run{} met a NaN or an infinity, first {}, run {}, in epoch {} at step {}, layer {}.", count,
      units.size(), units.size() == 1 ? "" : "s", label_of(first->unit), first->unit.run,
      first->non_finite->epoch, first->non_finite->step, first->non_finite->layer);
}

}  // namespace

std::string label_of(const TrainUnit& configuration) {
  return fmt::format("{} {}, β\u00a0=\u00a0{}", name(configuration.format), name(configuration.form),
                     configuration.beta);
}

bool same_configuration(const TrainUnit& a, const TrainUnit& b) {
  return a.format == b.format && a.form == b.form && a.beta == b.beta;
}

std::vector<int> collapsed_runs(const TrainingRecord& record, const std::vector<TrainingCurve>& curves) {
  const double best = best_of(curves).last().test_accuracy.mean;
  std::vector<int> counts;
  for (const TrainingCurve& curve : curves) {
    counts.push_back(static_cast<int>(std::ranges::count_if(record.results.units, [&](const UnitResult& u) {
      return same_configuration(u.unit, curve.unit) &&
             (std::isnan(u.last.test_loss) || is_collapsed(u.last.test_accuracy, best));
    })));
  }
  return counts;
}

std::vector<std::string> training_headlines(const TrainingRecord& record,
                                            const std::vector<TrainingCurve>& curves) {
  std::vector<std::string> out{best_sentence(best_of(curves)),
                               collapse_sentence(curves, collapsed_runs(record, curves))};
  if (std::string text = non_finite_sentence(record.results.units); !text.empty())
    out.push_back(std::move(text));
  return out;
}

std::string training_meaning(const std::vector<PublishedComparison>& comparisons) {
  std::string text;
  if (comparisons.empty()) {
    text =
        "All configurations share the first weights and the order of images of a run: what differs between "
        "two curves is format, form or β.";
  } else {
    for (const PublishedVerdict verdict :
         {PublishedVerdict::inside, PublishedVerdict::collapsed_as_published, PublishedVerdict::outside,
          PublishedVerdict::differs, PublishedVerdict::not_published}) {
      const auto count = std::ranges::count(comparisons, verdict, &PublishedComparison::verdict);
      if (count > 0) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", name(verdict), count);
    }
    text = fmt::format("Beside the published curves, of {} configuration{}: {}.", comparisons.size(),
                       comparisons.size() == 1 ? "" : "s", text);
  }
  return text;
}

}  // namespace gradzone::report_sections
