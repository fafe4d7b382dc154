#include "gradzone/study/volume_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/cells.hpp"
#include "gradzone/io/columns.hpp"

namespace gradzone {
namespace {

/// Larger than any table that fits in memory with its study.
constexpr std::size_t largest_volume_table = std::size_t{4} << 30;

std::string column_of_cause(std::string cause) {
  std::ranges::replace_if(
      cause, [](char c) { return c == ' ' || c == '-'; }, '_');
  return "cause_" + cause;
}

template <MaybeConst<VolumeRow> T, class Visitor>
void visit_volume_columns(T& r, Visitor&& visit) {
  visit("format", r.format);
  visit("order", r.order);
  visit("init", r.init);
  visit("seed", r.seed);
  visit("batches", r.batches);
  visit("on_kink", r.on_kink);
  visit("hits", r.hits);
  visit("first_hit", r.first_hit);
  visit("first_layer_differs", r.first_layer);
  visit("any_differs", r.any);
  for (std::size_t t = 0; t < r.over.size(); ++t) visit(std::string("over_") + tau_names[t], r.over[t]);
  visit("stat_inf_max", r.stat_inf);
  visit("stat_l1_max", r.stat_l1);
  visit("certified", r.certified);
  for (const Zone z : all_zones) visit(std::string("zone_") + name(z), r.zones[static_cast<std::size_t>(z)]);
  for (std::size_t c = 0; c < r.causes.size(); ++c) visit(column_of_cause(cause_names[c]), r.causes[c]);
  visit("points", r.points);
}

template <MaybeConst<VolumePoint> T, class Visitor>
void visit_volume_columns(T& r, Visitor&& visit) {
  visit("init", r.init);
  visit("on_kink", r.on_kink);
  visit("delta_first_layer", r.delta_first_layer);
  visit_columns(r.point, visit);
}

template <MaybeConst<VolumeTime> T, class Visitor>
void visit_volume_columns(T& r, Visitor&& visit) {
  visit("format", r.format);
  visit("init", r.init);
  visit("seconds", r.seconds);
  visit("batches_per_s", r.rate);
}

/// Columns of points.csv that only a certificate fills.
bool needs_certificate(std::string_view column) {
  static constexpr std::string_view names[] = {
      "zone",     "cause", "cause_layer", "proof", "witness", "delta_real_lower", "delta_real_upper",
      "bits_used"};
  return column.starts_with("branches_") || std::ranges::find(names, column) != std::end(names);
}

template <class Record>
bool is_certified(const Record&) {
  return true;
}
bool is_certified(const VolumePoint& point) {
  return point.certified;
}

template <class Record>
std::string table_csv(const std::vector<Record>& records) {
  CsvWriter csv;
  const Record names{};
  visit_volume_columns(names, [&](const std::string& column, const auto&) { csv.cell(column); });
  csv.end_row();
  for (const Record& record : records) {
    visit_volume_columns(record, [&](const std::string& column, const auto& value) {
      if (!is_certified(record) && needs_certificate(column)) {
        csv.cell("");
      } else {
        write_cell(csv, value);
      }
    });
    csv.end_row();
  }
  return csv.take();
}

/// `prepare` sees each row first, with the record it is read into.
template <class Record, class Prepare>
std::vector<Record> read_table(std::string_view text, const std::string& where, const Prepare& prepare) {
  CsvReader csv(text, where);
  std::vector<std::size_t> columns;
  const Record names{};
  visit_volume_columns(
      names, [&](const std::string& column, const auto&) { columns.push_back(csv.column(column)); });
  const std::size_t init = csv.column("init");
  std::vector<Record> records;
  while (csv.next_row()) {
    Record& record = records.emplace_back();
    prepare(csv, record);
    auto at = columns.begin();
    visit_volume_columns(record, [&](const std::string& column, auto& value) {
      const std::size_t position = *at++;
      if (is_certified(record) || !needs_certificate(column)) read_cell(csv, position, value);
    });
    if (record.init < 0) csv.reject(init, "negative");
  }
  return records;
}

}  // namespace

std::string volume_csv(const std::vector<VolumeRow>& rows) {
  return table_csv(rows);
}

std::string volume_points_csv(const std::vector<VolumePoint>& points) {
  return table_csv(points);
}

std::string volume_times_csv(const std::vector<VolumeTime>& times) {
  return table_csv(times);
}

std::vector<VolumeRow> read_volume_csv(std::string_view text, const std::string& where) {
  return read_table<VolumeRow>(text, where, [](const CsvReader&, VolumeRow&) {});
}

std::vector<VolumePoint> read_volume_points_csv(std::string_view text, const std::string& where) {
  return read_table<VolumePoint>(text, where, [](const CsvReader& csv, VolumePoint& point) {
    point.certified = !csv.text(csv.column("zone")).empty();
  });
}

std::vector<VolumeTime> read_volume_times_csv(std::string_view text, const std::string& where) {
  return read_table<VolumeTime>(text, where, [](const CsvReader&, VolumeTime&) {});
}

VolumeTables::VolumeTables(std::filesystem::path folder, const std::vector<Format>& formats, bool continued)
    : folder_(std::move(folder)) {
  for (const Format format : formats) formats_.push_back(full_name(format));
  if (continued) read();
}

VolumeTables::Key VolumeTables::key(const std::string& format, Index init,
                                    const std::filesystem::path& file) const {
  const auto found = std::ranges::find(formats_, format);
  if (found == formats_.end())
    throw InputError(
        fmt::format("{}: has rows of {}, which is not part of this study", file.string(), format));
  return {static_cast<std::size_t>(found - formats_.begin()), init};
}

void VolumeTables::read() {
  const auto rows = folder_ / "volume.csv", points = folder_ / "points.csv", times = folder_ / "times.csv";
  if (!std::filesystem::exists(rows)) return;
  for (VolumeRow& row : read_volume_csv(read_text_file(rows, largest_volume_table), rows.string())) {
    const Key at = key(row.format, row.init, rows);
    const std::string twice =
        fmt::format("{}: initialisation {} of {} is there twice", rows.string(), row.init, row.format);
    if (!units_.try_emplace(at, VolumeUnit{std::move(row), {}, 0}).second) throw InputError(twice);
  }
  for (VolumePoint& point :
       read_volume_points_csv(read_text_file(points, largest_volume_table), points.string())) {
    // Rows without a pass were written by a command that was killed before it wrote volume.csv.
    const auto unit = units_.find(key(point.point.format, point.init, points));
    if (unit != units_.end()) unit->second.points.push_back(std::move(point));
  }
  check_complete();
  if (!std::filesystem::exists(times)) return;
  for (const VolumeTime& time :
       read_volume_times_csv(read_text_file(times, largest_volume_table), times.string())) {
    const auto unit = units_.find(key(time.format, time.init, times));
    if (unit != units_.end()) unit->second.seconds = time.seconds;
  }
}

void VolumeTables::check_complete() const {
  for (const auto& [at, unit] : units_) {
    if (static_cast<Index>(unit.points.size()) == unit.row.points) continue;
    throw InputError(fmt::format(
        "{}: does not have the mini-batches that volume.csv counts for initialisation {} of {}: restore it, "
        "or remove both to compute them again",
        (folder_ / "points.csv").string(), unit.row.init, unit.row.format));
  }
}

void VolumeTables::add(std::size_t format, VolumeUnit unit) {
  const Index init = unit.row.init;
  units_.insert_or_assign({format, init}, std::move(unit));
}

Index VolumeTables::count_from(std::size_t format, Index init) const {
  constexpr Index end = std::numeric_limits<Index>::max();
  return std::distance(units_.lower_bound({format, init}), units_.upper_bound({format, end}));
}

void VolumeTables::cut(std::size_t format, Index init) {
  constexpr Index end = std::numeric_limits<Index>::max();
  units_.erase(units_.lower_bound({format, init}), units_.upper_bound({format, end}));
}

std::vector<bool> VolumeTables::hits(std::size_t format) const {
  std::vector<bool> out;
  for (auto unit = units_.lower_bound({format, 0}); unit != units_.end(); ++unit) {
    if (unit->first != Key{format, static_cast<Index>(out.size())}) break;
    out.push_back(unit->second.row.hits > 0);
  }
  return out;
}

std::vector<VolumeRow> VolumeTables::rows() const {
  std::vector<VolumeRow> out;
  for (const auto& [at, unit] : units_) out.push_back(unit.row);
  return out;
}

std::vector<VolumePoint> VolumeTables::points() const {
  std::vector<VolumePoint> out;
  for (const auto& [at, unit] : units_) out.insert(out.end(), unit.points.begin(), unit.points.end());
  return out;
}

void VolumeTables::write() const {
  std::vector<VolumeTime> times;
  for (const auto& [at, unit] : units_) {
    const double rate = unit.seconds > 0 ? static_cast<double>(unit.row.batches) / unit.seconds : 0;
    times.push_back({unit.row.format, unit.row.init, unit.seconds, rate});
  }
  write_file_atomically(folder_ / "points.csv", volume_points_csv(points()));
  write_file_atomically(folder_ / "times.csv", volume_times_csv(times));
  write_file_atomically(folder_ / "volume.csv", volume_csv(rows()));
}

}  // namespace gradzone
