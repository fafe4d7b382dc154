// TrainingSession: one process's work in the folder of a training study or a rate search.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "gradzone/base/file.hpp"
#include "gradzone/study/train_tables.hpp"
#include "gradzone/study/unit_training.hpp"
#include "gradzone/study/workers.hpp"

namespace gradzone {

class TrainingSession {
 public:
  struct Plan {
    std::string file;                       ///< with the study's configuration: "training.json"
    std::string configuration;              ///< JSON: an object
    std::vector<TrainUnit> configurations;  ///< in the order of the tables, each as its run 0
    bool with_zones = false;
    std::vector<UnitTraining> units;
    Index images = 0;  ///< of an epoch
    /// The ranks train each unit together, instead of one each.
    bool data_parallel = false;
    /// Whether a unit ends early; false where that is not known yet. May be empty.
    std::function<bool(const TrainTables&, const TrainUnit&, std::span<const EpochRecord>)> ends_early;
  };
  /// Creates the folder where it is missing and writes the configuration, or reads the tables of what it
  /// continues. Throws UsageError with the differences if the folder holds another configuration (`command`
  /// does not count) or another process works there; InputError for files that are not what they should be.
  /// The arguments must outlive it.
  TrainingSession(const std::filesystem::path& folder, const Plan& plan, const Graph& graph,
                  const TrainWatch& watch);

  /// Trains the share's units to their end, one after the other on each rank, and returns them in their
  /// order. Throws InterruptedError if a stop is requested.
  std::vector<UnitOutcome> train(const Workers& workers);

  /// What ranks above 0 do meanwhile, in the same folder.
  static void assist(const std::filesystem::path& folder, const Plan& plan, const Graph& graph,
                     const Workers& workers, const std::stop_token& stop);

 private:
  class Log;
  void share(const Workers& workers);
  void report(TrainProgress progress);

  std::filesystem::path folder_;
  FolderLock lock_;
  const Plan& plan_;
  const Graph& graph_;
  std::string identity_;  ///< hash of the configuration, which the checkpoints carry
  TrainTables tables_;
  const TrainWatch& watch_;
  std::map<std::string, std::int64_t> seen_;  ///< images by unit
  std::int64_t found_ = 0;                    ///< of earlier commands
};

}  // namespace gradzone
