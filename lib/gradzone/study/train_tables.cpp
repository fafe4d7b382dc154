#include "gradzone/study/train_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"

namespace gradzone {
namespace {

template <class Map>
auto rows_of(const Map& map) {
  std::vector<typename Map::mapped_type> rows;
  for (const auto& item : map) rows.push_back(item.second);
  return rows;
}

}  // namespace

TrainTables::TrainTables(std::filesystem::path folder, std::vector<TrainUnit> configurations, bool with_zones,
                         bool continued)
    : folder_(std::move(folder)), configurations_(std::move(configurations)), with_zones_(with_zones) {
  if (continued) read();
}

TrainTables::Key TrainTables::key(const TrainUnit& unit, Index at) const {
  TrainUnit configuration = unit;
  configuration.run = 0;
  const auto found = std::ranges::find(configurations_, configuration);
  if (found == configurations_.end())
    throw InputError(fmt::format("{}: a table has rows of {}, which is not part of this training",
                                 folder_.string(), unit.name()));
  return {static_cast<std::size_t>(found - configurations_.begin()), unit.run, at};
}

void TrainTables::read() {
  if (const auto file = folder_ / "trace.csv"; std::filesystem::exists(file)) {
    for (const TraceRow& row : read_trace_csv(table_text(file), file.string()))
      trace_[key(row.unit, row.record.epoch)] = row;
  }
  if (const auto file = folder_ / "zones.csv"; with_zones_ && std::filesystem::exists(file)) {
    for (ZoneRow& row : read_zones_csv(table_text(file), file.string()))
      zones_[key(row.unit, row.step)] = std::move(row);
  }
  if (const auto file = folder_ / "times.csv"; std::filesystem::exists(file)) {
    for (const TimeRow& row : read_times_csv(table_text(file), file.string()))
      times_[key(row.unit, row.epoch)] = row;
  }
}

void TrainTables::rewind(const TrainUnit& unit, int epochs, Index steps) {
  constexpr Index end = std::numeric_limits<Index>::max();
  trace_.erase(trace_.upper_bound(key(unit, epochs)), trace_.upper_bound(key(unit, end)));
  zones_.erase(zones_.upper_bound(key(unit, steps)), zones_.upper_bound(key(unit, end)));
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    if (trace_.contains(key(unit, epoch))) continue;
    throw InputError(
        fmt::format("{}: lacks epoch {} of {}, which its checkpoint is beyond: restore the table or "
                    "remove the checkpoint",
                    (folder_ / "trace.csv").string(), epoch, unit.name()));
  }
}

void TrainTables::add(const TrainUnit& unit, const EpochRecord& record, double seconds, Index images) {
  trace_[key(unit, record.epoch)] = {unit, record};
  times_[key(unit, record.epoch)] = {unit, record.epoch, seconds, static_cast<double>(images) / seconds};
}

void TrainTables::add(ZoneRow row) {
  const Key at = key(row.unit, row.step);
  zones_[at] = std::move(row);
}

std::vector<TrainUnit> TrainTables::units() const {
  std::vector<TrainUnit> out;
  for (const auto& [at, row] : trace_) {
    if (out.empty() || !(out.back() == row.unit)) out.push_back(row.unit);
  }
  return out;
}

void TrainTables::take(const TrainUnit& unit, const TrainTables& others) {
  const Key begin = key(unit, 0), end = key(unit, std::numeric_limits<Index>::max());
  const auto move_rows = [&](auto& own, const auto& other) {
    own.erase(own.lower_bound(begin), own.upper_bound(end));
    own.insert(other.lower_bound(begin), other.upper_bound(end));
  };
  move_rows(trace_, others.trace_);
  move_rows(times_, others.times_);
  move_rows(zones_, others.zones_);
}

std::vector<EpochRecord> TrainTables::records(const TrainUnit& unit) const {
  std::vector<EpochRecord> out;
  const auto end = trace_.upper_bound(key(unit, std::numeric_limits<Index>::max()));
  for (auto row = trace_.lower_bound(key(unit, 0)); row != end; ++row) out.push_back(row->second.record);
  return out;
}

void TrainTables::write_zones() const {
  if (with_zones_) write_file_atomically(folder_ / "zones.csv", zones_csv(rows_of(zones_)));
}

void TrainTables::write() const {
  write_zones();
  write_file_atomically(folder_ / "times.csv", times_csv(rows_of(times_)));
  write_file_atomically(folder_ / "trace.csv", trace_csv(rows_of(trace_)));
}

}  // namespace gradzone
