// RateSearch: the learning rate of a network by random trials, as the paper searched it.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gradzone/study/training_session.hpp"
#include "gradzone/study/training_task.hpp"

namespace gradzone {

/// A search's folder has its configuration there, and in the end its result.
inline constexpr const char* rate_search_configuration_file = "search-lr.json";
inline constexpr const char* rate_search_file_name = "search.json";

/// In the tables a trial is the run of that number.
TrainUnit trial_unit(TrainingFormat format, int trial);
/// "fp16-trial3": of its checkpoint.
std::string trial_name(const TrainUnit& unit);

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
bool is_below_median(const std::vector<TrialResult>& completed, std::span<const EpochRecord> epochs);

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
  /// Of a share there are checkpoints and tables alone, and no trial is pruned that others would judge. Ranks
  /// train trials before those in front of them are known; what they trained too far is trained again in the
  /// end.
  RateSearchResults run(const std::filesystem::path& folder, const Workers& workers,
                        const TrainWatch& watch) const;
  /// What ranks above 0 do meanwhile, in the same folder.
  void assist(const std::filesystem::path& folder, const Workers& workers, const std::stop_token& stop) const;

  std::string configuration() const;

  const LoadedTask& task() const { return task_; }

 private:
  TrainingSession::Plan plan() const;
  /// Whether a trial is pruned after these epochs; false where trials before it are not known far enough.
  bool is_hopeless(const TrainTables& tables, const TrainUnit& unit,
                   std::span<const EpochRecord> records) const;

  RateSearch search_;
  LoadedTask task_;
};

/// Best rates by format, trials, and what identifies the search.
std::string rate_search_json(const RateSearchResults& results);

}  // namespace gradzone
