// TrainingRecord: what a training left in its folder, finished or not, to be looked at.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gradzone/study/train_study.hpp"

namespace gradzone {

struct TrainingRecord {
  TrainResults results;         ///< of the epochs so far
  std::vector<TraceRow> trace;  ///< by configuration, then by run, then by epoch; at least one row
  std::vector<ZoneRow> zones;   ///< empty if none were asked for
  std::vector<TimeRow> times;   ///< empty without times.csv

  std::string network() const;    ///< "lenet5-bn"
  std::string optimiser() const;  ///< "sgd"
};

/// Whether a folder holds a training (training.json).
bool is_training(const std::filesystem::path& folder);

/// Reads training.json and the tables; where NaN first appeared is known from summary.json, which is there
/// once the training is finished. Throws InputError for files that are not what they should be, and for a
/// training without a finished epoch.
TrainingRecord load_training(const std::filesystem::path& folder);

}  // namespace gradzone
