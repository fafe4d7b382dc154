// TrainingSession: one process's work in the folder of a training study or a rate search.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/base/file.hpp"
#include "gradzone/study/saved_run.hpp"
#include "gradzone/study/train_tables.hpp"

namespace gradzone {

class TrainingSession {
 public:
  struct Plan {
    std::string file;                       ///< with the study's configuration: "training.json"
    std::string configuration;              ///< JSON: an object
    std::vector<TrainUnit> configurations;  ///< in the order of the tables, each as its run 0
    bool with_zones = false;
    std::int64_t images = 0;  ///< to train on, of all units and epochs together
  };
  /// Creates the folder where it is missing and writes the configuration, or reads the tables of what it
  /// continues. Throws UsageError with the differences if the folder holds another configuration (`command`
  /// does not count) or another process works there; InputError for files that are not what they should be.
  TrainingSession(const std::filesystem::path& folder, const Plan& plan, const TrainWatch& watch);

  /// Continues a unit until it has `epochs` epochs or, after any of them, `ends_early` says so of its
  /// records. After each epoch the tables are written, then the checkpoint "NAME.safetensors": killed in
  /// between, the epoch is computed again to the same row. Returns all records; throws InterruptedError if a
  /// stop is requested.
  struct Unit {
    TrainUnit unit;
    std::string name;
    int epochs = 0;
    RunHooks hooks;
    std::function<bool(const std::vector<EpochRecord>&)> ends_early;  ///< may be empty
  };
  struct Outcome {
    std::vector<EpochRecord> records;
    std::optional<NonFinite> non_finite;
    bool ended_early = false;
  };
  Outcome train(const Unit& unit, const Graph& graph, TrainingRun run);

  TrainTables& tables() { return tables_; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  static std::int64_t images_of(const Unit& unit, const TrainingRun& run);
  void report(const Unit& unit, const TrainingRun& run, const std::vector<EpochRecord>& records) const;

  std::filesystem::path folder_;
  FolderLock lock_;
  std::string identity_;  ///< hash of the configuration, which the checkpoints carry
  TrainTables tables_;
  const TrainWatch& watch_;
  std::int64_t images_before_ = 0, found_ = 0, total_;  ///< images of units that are done; of
                                                        ///< earlier commands; of all
};

}  // namespace gradzone
