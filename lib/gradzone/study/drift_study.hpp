// DriftStudy: how far networks that differ only in beta drift apart while they see the same mini-batches from
// the same weights.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gradzone/study/saved_run.hpp"
#include "gradzone/study/training_task.hpp"

namespace gradzone {

struct DriftStudy {
  TrainingTask task;
  TrainingFormat format;
  Form form = Form::direct;
  std::vector<double> betas{1, 10, 100, 1000, 10000};  ///< besides 0
  std::string rate;                                    ///< as TrainStudy's
  int stop_after = 0;                                  ///< as TrainStudy's
  Index every = 0;  ///< also measure every so many steps; 0: after epochs only

  std::string command() const;
};

/// One network at one moment. Two networks have beta = 0: the first is what the others are compared with, the
/// second must stay at distance 0 of it.
struct DriftRow {
  int epoch = 0;   ///< finished
  Index step = 0;  ///< done since the beginning
  double beta = 0;
  int repeat = 0;       ///< 1 for the second one with beta = 0
  double distance = 0;  ///< sum over trainable entries of |w - w of the first|, in binary64; NaN if one is
  double test_loss = 0, test_accuracy = 0;  ///< NaN where no epoch ends
};

/// Columns epoch, step, beta, repeat, distance, test_loss, test_accuracy.
std::string drift_csv(const std::vector<DriftRow>& rows);
/// Throws InputError with file and line for anything that is not such a table.
std::vector<DriftRow> read_drift_csv(std::string_view text, const std::string& where);

struct DriftResults {
  std::string configuration;  ///< JSON
  std::vector<DriftRow> rows;
};

/// The rows, and what identifies the study.
std::string drift_json(const DriftResults& results);

class LoadedDrift {
 public:
  /// Throws UsageError or InputError before anything is written.
  explicit LoadedDrift(DriftStudy study);

  /// Trains the networks side by side, step by step. Writes drift.json (the configuration), drift.csv and
  /// drift.safetensors, the state of all of them; the same bytes for every history. Errors as
  /// LoadedTraining::run.
  DriftResults run(const std::filesystem::path& folder, int threads, const TrainWatch& watch) const;

  std::string configuration() const;

  const LoadedTask& task() const { return task_; }

 private:
  class Walk;
  int epochs() const { return study_.stop_after > 0 ? study_.stop_after : study_.task.epochs; }

  DriftStudy study_;
  LoadedTask task_;
  double rate_ = 0;
};

}  // namespace gradzone
