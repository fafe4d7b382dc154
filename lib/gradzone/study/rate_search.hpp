// RateSearch: the learning rate of a network by random trials, as the paper searched it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/study/saved_run.hpp"
#include "gradzone/study/training_task.hpp"

namespace gradzone {

inline constexpr const char* rate_search_file_name = "search.json";

struct RateSearch {
  TrainingTask task;                                    ///< its epochs are those of a trial
  std::vector<TrainingFormat> formats{FormatId::fp32};  ///< each is searched by itself, with beta = 0
  int trials = 10;
  double lowest = 1e-5, highest = 1e-1;
  bool prune = true;

  std::string command() const;
};

/// One trial: how its test accuracy went.
struct TrialResult {
  TrainingFormat format;
  int trial = 0;  ///< from 0
  double rate = 0;
  std::vector<EpochRecord> epochs;
  bool pruned = false;
};

struct RateSearchResults {
  std::string configuration;  ///< JSON
  std::vector<TrialResult> trials;
};

/// The trial of a format with the highest test accuracy after its last epoch among those that were not
/// pruned; of equals the first.
const TrialResult& best_trial(const std::vector<TrialResult>& trials, TrainingFormat format);

/// Optuna's MedianPruner with its defaults: a trial ends after an epoch if at least five trials before it
/// were completed and its best test accuracy so far is below the median of what those had after the same
/// epoch.
bool is_below_median(const std::vector<TrialResult>& completed, const std::vector<EpochRecord>& epochs);

class LoadedRateSearch {
 public:
  /// Throws UsageError or InputError before anything is written.
  explicit LoadedRateSearch(RateSearch search);

  /// The rate of a trial: 10^u, u uniform between the logarithms of the bounds, from the stream (seed,
  /// "learning rate", trial) alone.
  double rate(int trial) const;

  /// Runs the trials that `folder` does not hold yet, then writes search.json; trace.csv (where a trial is a
  /// run) and a checkpoint per trial are there meanwhile and after. The same bytes for every history. Errors
  /// as LoadedTraining::run.
  RateSearchResults run(const std::filesystem::path& folder, int threads, const TrainWatch& watch) const;

  std::string configuration() const;

  const LoadedTask& task() const { return task_; }

 private:
  RateSearch search_;
  LoadedTask task_;
};

/// Best rates by format, trials, and what identifies the search.
std::string rate_search_json(const RateSearchResults& results);

}  // namespace gradzone
