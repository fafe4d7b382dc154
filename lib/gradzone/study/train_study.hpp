// TrainStudy: a network trained in several configurations and runs, from data set to curves and checkpoints.
// It continues where it stopped, and what it finds depends on the study alone, not on threads or
// interruptions.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/study/saved_run.hpp"
#include "gradzone/study/training_curves.hpp"
#include "gradzone/study/training_session.hpp"
#include "gradzone/study/training_task.hpp"
#include "gradzone/study/training_trace.hpp"
#include "gradzone/study/zone_log.hpp"

namespace gradzone {

/// A training's folder has its configuration there.
inline constexpr const char* training_file = "training.json";

struct TrainStudy {
  TrainingTask task;
  // Every format, form and beta together is a configuration.
  std::vector<TrainingFormat> formats{FormatId::fp32};
  std::vector<Form> forms{Form::direct};
  std::vector<double> betas{0};
  std::string
      rate;  ///< a number, "paper" (published_rates.hpp) or "from:FOLDER" of a search (rate_search.hpp)
  int stop_after = 0;  ///< epochs to train; 0 for all of the schedule's
  int runs = 1;
  ZoneLogOptions zones;

  /// The command line that asks for this study (without output folder and threads, which change no result).
  std::string command() const;
};

/// How far a unit has come.
struct UnitResult {
  TrainUnit unit;
  EpochRecord last;
  std::optional<NonFinite> non_finite;
};

/// Final test accuracies of a configuration over its runs.
struct ConfigurationResult {
  TrainUnit unit;  ///< its first run
  int epochs = 0, runs = 0;
  Spread test_accuracy;
  int non_finite = 0;  ///< runs that met a NaN or an infinity
};

struct TrainResults {
  std::string configuration;  ///< JSON
  std::vector<UnitResult> units;
};

/// Precondition: a configuration's units follow one another.
std::vector<ConfigurationResult> by_configuration(const std::vector<UnitResult>& units);
/// Configurations, units and what identifies the study.
std::string train_summary_json(const TrainResults& results);

class LoadedTraining {
 public:
  /// Reads data and rates. Throws UsageError or InputError before anything is written.
  explicit LoadedTraining(TrainStudy study);

  /// Trains what `folder` does not hold yet of the share, one unit after the other on each rank. Writes there
  /// training.json (the configuration), a checkpoint per unit, trace.csv, times.csv, zones.csv if zones are
  /// asked for, and summary.json unless it is but a share; all but times.csv are the same bytes for every
  /// history. Throws UsageError if the folder holds a training with other options or another process works
  /// there, InterruptedError if a stop is requested or the disk is full: the same call then continues.
  TrainResults run(const std::filesystem::path& folder, const Workers& workers,
                   const TrainWatch& watch) const;
  /// What ranks above 0 do meanwhile, in the same folder.
  void assist(const std::filesystem::path& folder, const Workers& workers, const std::stop_token& stop) const;

  const LoadedTask& task() const { return task_; }
  /// In the order of the tables: by configuration, then by run.
  std::vector<TrainUnit> units() const;
  /// The JSON that identifies the study. How many runs and epochs are asked for is no part of it, so that a
  /// study may be continued to more.
  std::string configuration() const;

 private:
  TrainingSession::Plan plan() const;
  int epochs() const { return study_.stop_after > 0 ? study_.stop_after : study_.task.epochs; }

  TrainStudy study_;
  LoadedTask task_;
  std::map<TrainingFormat, double> rates_;
};

}  // namespace gradzone
