// UnitTraining: one unit of a study, a run of a configuration or a trial, trained in its checkpoint file.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "gradzone/graph/graph.hpp"
#include "gradzone/study/saved_run.hpp"
#include "gradzone/study/training_trace.hpp"
#include "gradzone/study/zone_log.hpp"

namespace gradzone {

/// Who is told how a unit's training goes, and keeps its records.
class UnitLog {
 public:
  virtual ~UnitLog() = default;

  /// Its checkpoint has so many epochs and steps: drops what is beyond them, returns the records of those
  /// epochs.
  virtual std::vector<EpochRecord> begin(int epochs, Index steps) = 0;
  /// Whether it ends after these epochs, short of its number.
  virtual bool ends_early(std::span<const EpochRecord> records) = 0;
  virtual void add(ZoneRow row) = 0;
  virtual void write_zones() = 0;
  /// On disk when it returns. `seconds` for the last `images` images of the epoch.
  virtual void add(const EpochRecord& record, double seconds, Index images) = 0;
  /// `progress.images` are those of this unit.
  virtual void report(const TrainProgress& progress) = 0;
  /// Does what only one of those who train a unit together may do.
  virtual void once(const std::function<void()>& action) { action(); }
};

struct UnitTraining {
  TrainUnit unit;
  std::string name;  ///< of its checkpoint, "NAME.safetensors"
  int epochs = 0;
  std::function<TrainingRun()> begin;                                ///< from its initial weights
  std::function<std::optional<ZoneRow>(TrainingRun&)> zone_of_next;  ///< before each step; may be empty
};

struct UnitOutcome {
  std::vector<EpochRecord> records;
  std::optional<NonFinite> non_finite;
  bool ended_early = false;
};

/// Continues a unit until it has its epochs or ends early. The log is told of each epoch before the
/// checkpoint is saved: killed in between, the epoch is computed again to the same row. A checkpoint that is
/// beyond the unit's early end is begun anew. Throws InterruptedError if a stop is requested.
UnitOutcome train_unit(const UnitTraining& training, const Graph& graph, const std::filesystem::path& folder,
                       const std::string& study, UnitLog& log, const std::stop_token& stop);

}  // namespace gradzone
