#include "gradzone/study/rate_search.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gradzone/arith/elementary.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/base/random.hpp"

namespace gradzone {
namespace {

constexpr std::size_t startup_trials = 5;

double best_accuracy(std::span<const EpochRecord> epochs) {
  double best = 0;
  for (const EpochRecord& e : epochs) best = std::max(best, e.test_accuracy);
  return best;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

void check(const RateSearch& s) {
  if (s.trials < 1) throw UsageError(fmt::format("--trials {}: at least one trial is needed", s.trials));
  if (!(s.lowest > 0 && s.lowest < s.highest && std::isfinite(s.highest))) {
    throw UsageError(fmt::format("--range {}:{}: learning rates are searched between two positive numbers",
                                 s.lowest, s.highest));
  }
  if (s.formats.empty()) throw UsageError("--format: name at least one format");
  for (const TrainingFormat format : s.formats) check_processor(format, s.task.processor);
}

}  // namespace

TrainUnit trial_unit(TrainingFormat format, int trial) {
  return {format, Form::direct, 0, trial};
}

std::string trial_name(const TrainUnit& unit) {
  return fmt::format("{}-trial{}", file_part(unit.format), unit.run);
}

std::string RateSearch::command() const {
  std::vector<std::string> format_names;
  for (const TrainingFormat id : formats) format_names.push_back(name(id));
  return fmt::format("gradzone search-lr{} --format {} --trials {} --range {}:{}{}", task.options(),
                     fmt::join(format_names, ","), trials, lowest, highest, prune ? "" : " --no-prune");
}

const TrialResult& best_trial(const std::vector<TrialResult>& trials, TrainingFormat format) {
  const TrialResult* best = nullptr;
  for (const TrialResult& t : trials) {
    if (t.format != format || t.pruned) continue;
    if (best == nullptr || t.epochs.back().test_accuracy > best->epochs.back().test_accuracy) best = &t;
  }
  return *best;
}

bool is_below_median(const std::vector<TrialResult>& completed, std::span<const EpochRecord> epochs) {
  if (completed.size() < startup_trials) return false;
  std::vector<double> others;
  for (const TrialResult& t : completed) others.push_back(t.epochs[epochs.size() - 1].test_accuracy);
  return best_accuracy(epochs) < median(std::move(others));
}

LoadedRateSearch::LoadedRateSearch(RateSearch search)
    : search_((check(search), std::move(search))), task_(search_.task) {
  task_.run(trial_unit(search_.formats.front(), 0), search_.lowest);  // refuses what no trial can do
}

double LoadedRateSearch::rate(int trial) const {
  RandomStream random(task_.task.seed, "learning rate", static_cast<std::uint64_t>(trial));
  return exp_rounded(random.uniform(log_rounded(search_.lowest), log_rounded(search_.highest)));
}

std::string LoadedRateSearch::configuration() const {
  Json json{{"study", "search-lr"}, {"command", search_.command()}};
  json.update(task_.identity());
  for (const TrainingFormat id : search_.formats) json["formats"].push_back(full_name(id));
  json["trials"] = search_.trials;
  json["range"] = {search_.lowest, search_.highest};
  json["prune"] = search_.prune;
  return write_json(json);
}

/// Of a format, as far as the tables go without a gap.
bool LoadedRateSearch::is_hopeless(const TrainTables& tables, const TrainUnit& unit,
                                   std::span<const EpochRecord> records) const {
  const auto is_last = [&](std::span<const EpochRecord> of_trial) {
    return static_cast<int>(of_trial.size()) >= task_.task.epochs;
  };
  if (!search_.prune || is_last(records)) return false;
  std::vector<TrialResult> completed;
  for (int trial = 0; trial < unit.run; ++trial) {
    const std::vector<EpochRecord> before = tables.records(trial_unit(unit.format, trial));
    const auto ends_after = [&](std::size_t epochs) {
      const auto first = std::span(before).first(epochs);
      return !is_last(first) && is_below_median(completed, first);
    };
    bool pruned = false;
    for (std::size_t n = 1; n <= before.size() && !pruned; ++n) pruned = ends_after(n);
    if (pruned) continue;
    if (!is_last(before)) return false;
    completed.push_back({unit.format, trial, rate(trial), before, false});
  }
  return is_below_median(completed, records);
}

TrainingSession::Plan LoadedRateSearch::plan() const {
  TrainingSession::Plan out{rate_search_configuration_file, configuration(), {}, false, {},
                            task_.train_set.size(),         false,           {}};
  for (const TrainingFormat format : search_.formats) {
    out.configurations.push_back(trial_unit(format, 0));
    for (int trial = 0; trial < search_.trials; ++trial) {
      // All trials have the weights and orders of run 0.
      const auto begin = [this, format, trial] { return task_.run(trial_unit(format, 0), rate(trial)); };
      out.units.push_back(
          {trial_unit(format, trial), trial_name(trial_unit(format, trial)), task_.task.epochs, begin, {}});
    }
  }
  out.ends_early = [this](const TrainTables& tables, const TrainUnit& unit,
                          std::span<const EpochRecord> records) {
    return is_hopeless(tables, unit, records);
  };
  return out;
}

RateSearchResults LoadedRateSearch::run(const std::filesystem::path& folder, const Workers& workers,
                                        const TrainWatch& watch) const {
  const TrainingSession::Plan plan = this->plan();
  RateSearchResults results{plan.configuration, {}};
  TrainingSession session(folder, plan, task_.graph, watch);
  const std::vector<UnitOutcome> outcomes = session.train(workers);
  if (!workers.share.whole()) return results;
  for (std::size_t u = 0; u < outcomes.size(); ++u) {
    const TrainUnit& unit = plan.units[u].unit;
    results.trials.push_back(
        {unit.format, unit.run, rate(unit.run), outcomes[u].records, outcomes[u].ended_early});
  }
  write_file_atomically(folder / rate_search_file_name, rate_search_json(results));
  return results;
}

void LoadedRateSearch::assist(const std::filesystem::path& folder, const Workers& workers,
                              const std::stop_token& stop) const {
  TrainingSession::assist(folder, plan(), task_.graph, workers, stop);
}

std::string rate_search_json(const RateSearchResults& results) {
  Json out{{"configuration", Json::parse(results.configuration)}};
  for (const TrialResult& t : results.trials) {
    const std::string format(name(t.format));
    if (!out.contains("best") || !out["best"].contains(format)) {
      const TrialResult& best = best_trial(results.trials, t.format);
      out["best"][format] = {
          {"lr", best.rate}, {"trial", best.trial}, {"test_accuracy", best.epochs.back().test_accuracy}};
    }
  }
  for (const TrialResult& t : results.trials) {
    out["trials"].push_back({{"format", name(t.format)},
                             {"trial", t.trial},
                             {"lr", t.rate},
                             {"epochs", t.epochs.size()},
                             {"test_accuracy", t.epochs.back().test_accuracy},
                             {"pruned", t.pruned}});
  }
  return write_json(out);
}

}  // namespace gradzone
