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
#include "gradzone/study/machine.hpp"
#include "gradzone/study/training_session.hpp"

namespace gradzone {
namespace {

constexpr std::size_t startup_trials = 5;

double best_accuracy(const std::vector<EpochRecord>& epochs) {
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

/// In the tables a trial is the run of that number.
TrainUnit unit_of(TrainingFormat format, int trial) {
  return {format, Form::direct, 0, trial};
}

}  // namespace

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

bool is_below_median(const std::vector<TrialResult>& completed, const std::vector<EpochRecord>& epochs) {
  if (completed.size() < startup_trials) return false;
  std::vector<double> others;
  for (const TrialResult& t : completed) others.push_back(t.epochs[epochs.size() - 1].test_accuracy);
  return best_accuracy(epochs) < median(std::move(others));
}

LoadedRateSearch::LoadedRateSearch(RateSearch search)
    : search_((check(search), std::move(search))), task_(search_.task) {
  task_.run(unit_of(search_.formats.front(), 0), search_.lowest);  // refuses what no trial can do
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

RateSearchResults LoadedRateSearch::run(const std::filesystem::path& folder, int threads,
                                        const TrainWatch& watch) const {
  RateSearchResults results{configuration(), {}};
  std::vector<TrainUnit> configurations;
  for (const TrainingFormat format : search_.formats) configurations.push_back(unit_of(format, 0));
  const int epochs = task_.task.epochs;
  const auto all = static_cast<std::int64_t>(configurations.size()) * search_.trials;
  TrainingSession session(
      folder,
      {"search-lr.json", results.configuration, configurations, false, all * epochs * task_.train_set.size()},
      watch);
  on_threads(threads, [&] {
    for (const TrainingFormat format : search_.formats) {
      std::vector<TrialResult> completed;
      for (int trial = 0; trial < search_.trials; ++trial) {
        const auto is_hopeless = [&](const std::vector<EpochRecord>& records) {
          return search_.prune && static_cast<int>(records.size()) < epochs &&
                 is_below_median(completed, records);
        };
        // All trials have the weights and orders of run 0.
        const auto outcome = session.train({unit_of(format, trial),
                                            fmt::format("{}-trial{}", file_part(format), trial),
                                            epochs,
                                            {},
                                            is_hopeless},
                                           task_.graph, task_.run(unit_of(format, 0), rate(trial)));
        results.trials.push_back({format, trial, rate(trial), outcome.records, outcome.ended_early});
        if (!outcome.ended_early) completed.push_back(results.trials.back());
      }
    }
  });
  write_file_atomically(folder / rate_search_file_name, rate_search_json(results));
  return results;
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
