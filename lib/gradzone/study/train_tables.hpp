// TrainTables: trace.csv, times.csv and zones.csv of a training study, while it grows.
#pragma once

#include <filesystem>
#include <map>
#include <tuple>
#include <vector>

#include "gradzone/study/training_trace.hpp"
#include "gradzone/study/zone_log.hpp"

namespace gradzone {

class TrainTables {
 public:
  /// Tables of these configurations (units of run 0), in this order. Reads what `folder` holds if
  /// `continued`. Throws InputError for tables that are not such tables.
  TrainTables(std::filesystem::path folder, std::vector<TrainUnit> configurations, bool with_zones,
              bool continued);

  /// Drops what the tables have of a unit beyond its checkpoint: it is computed again, to the same rows.
  /// Throws InputError if they lack one of its epochs.
  void rewind(const TrainUnit& unit, int epochs, Index steps);
  /// `seconds` for the last `images` images of the epoch (all of them, unless it was interrupted).
  void add(const TrainUnit& unit, const EpochRecord& record, double seconds, Index images);
  void add(ZoneRow row);
  /// Every unit that has an epoch, in the order of the rows.
  std::vector<TrainUnit> units() const;
  /// Takes over all that others have of a unit, in place of what is here.
  void take(const TrainUnit& unit, const TrainTables& others);
  /// Of all epochs so far.
  std::vector<EpochRecord> records(const TrainUnit& unit) const;

  /// Writes zones.csv, or all tables. Call before the checkpoint is saved.
  void write_zones() const;
  void write() const;

 private:
  /// Configuration, run, epoch or step: the order of the rows.
  using Key = std::tuple<std::size_t, int, Index>;
  Key key(const TrainUnit& unit, Index at) const;
  void read();

  std::filesystem::path folder_;
  std::vector<TrainUnit> configurations_;
  bool with_zones_;
  std::map<Key, TraceRow> trace_;
  std::map<Key, TimeRow> times_;
  std::map<Key, ZoneRow> zones_;
};

}  // namespace gradzone
