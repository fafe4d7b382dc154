// TrainStudy: networks trained in several configurations and runs, from data set to curves and checkpoints. It
// continues where it stopped, and what it finds depends on the study alone, not on threads or interruptions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/data/dataset.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/study/saved_run.hpp"
#include "gradzone/study/training_trace.hpp"
#include "gradzone/study/zone_log.hpp"
#include "gradzone/train/optimiser.hpp"
#include "gradzone/train/schedule.hpp"

namespace gradzone {

/// What all trainings of a network have in common.
struct TrainingTask {
  std::string net = "lenet5";
  std::string data;  ///< as for load_dataset, its train split
  std::string test;  ///< its test split; empty for that of `data`
  OptimiserOptions optimiser;
  std::string schedule = "cosine";  ///< as parse_schedule reads it
  int epochs = 100;                 ///< of the schedule
  Index batch = 128;
  std::uint64_t seed = 0;
  Initialisation initialisation = Initialisation::torch;
};

/// A task with its data loaded and checked.
struct LoadedTask {
  /// Throws UsageError or InputError.
  explicit LoadedTask(TrainingTask task);

  /// Run r draws weights and orders from seed + r alone, so that all configurations share them.
  TrainingRun run(const TrainUnit& unit, double learning_rate) const;
  /// What identifies it, as JSON members of a study's configuration.
  std::map<std::string, std::string> identity() const;

  TrainingTask task;
  Graph graph;  ///< batch norm in training mode
  Dataset train_set, test_set;
};

struct TrainStudy {
  TrainingTask task;
  std::vector<FormatId> formats{FormatId::fp32};
  std::vector<Form> forms{Form::direct};
  std::vector<double> betas{0};
  std::string rate;    ///< a number, "paper", or "from:FOLDER" of a search (rate_search.hpp)
  int stop_after = 0;  ///< epochs to train; 0 for all of the schedule's
  int runs = 1;
  ZoneLogOptions zones;

  /// The command line that asks for this study, without what changes no result.
  std::string command() const;
};

/// How a unit ended.
struct UnitResult {
  TrainUnit unit;
  EpochRecord last;
  std::optional<NonFinite> non_finite;
};

/// A configuration's final test accuracy over its runs.
struct ConfigurationResult {
  TrainUnit unit;  ///< its run is 0
  int runs = 0, epochs = 0;
  double mean = 0, deviation = 0;  ///< the sample standard deviation; 0 for a single run
  double lowest = 0, highest = 0;
  int non_finite = 0;  ///< runs that met a NaN or an infinity
};

struct TrainResults {
  std::string configuration;  ///< JSON
  std::vector<UnitResult> units;
  std::vector<ConfigurationResult> configurations() const;
};

class LoadedTraining {
 public:
  /// Throws UsageError or InputError before anything is written.
  explicit LoadedTraining(TrainStudy study);

  /// Trains every unit that `folder` does not hold yet, one after the other on `threads` threads (0: all). Writes
  /// there: training.json (the configuration), a checkpoint per unit, trace.csv, times.csv, zones.csv if zones are
  /// asked for, and summary.json; all but times.csv are the same bytes for every history. Throws UsageError if the
  /// folder holds a training with other options or another process works there, InterruptedError if a stop is
  /// requested or the disk is full: then the same call continues.
  TrainResults run(const std::filesystem::path& folder, int threads, const TrainWatch& watch) const;

  const TrainStudy& study() const { return study_; }
  std::vector<TrainUnit> units() const;
  /// The JSON that identifies the study. The number of runs and where to stop are no part of it: a study may be
  /// asked for more later.
  std::string configuration() const;

 private:
  TrainStudy study_;
  LoadedTask task_;
  std::map<FormatId, double> rates_;
};

/// Units and configurations as JSON, with the configuration.
std::string train_summary_json(const TrainResults& results);

}  // namespace gradzone
