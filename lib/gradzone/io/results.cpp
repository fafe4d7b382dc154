#include "gradzone/io/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/assembly.hpp"
#include "gradzone/io/cells.hpp"
#include "gradzone/io/census_json.hpp"
#include "gradzone/io/columns.hpp"
#include "gradzone/io/configuration.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/io/store.hpp"
#include "gradzone/zones/census.hpp"
#include "gradzone/zones/thresholds.hpp"

namespace gradzone {
namespace {

constexpr std::size_t largest_csv_file = std::size_t{4} << 30;

/// A table as CSV: the header from the column list, then a row for each record that `each_row(write)` passes.
template <class Record, class EachRow>
std::string table_csv(EachRow each_row) {
  CsvWriter csv;
  const Record names{};
  visit_columns(names, [&](const char* column, const auto&) { csv.cell(column); });
  csv.end_row();
  each_row([&](const Record& record) {
    visit_columns(record, [&](const char*, const auto& value) { write_cell(csv, value); });
    csv.end_row();
  });
  return csv.take();
}

template <class Record>
std::vector<Record> read_table(std::string_view text, const std::string& where) {
  CsvReader csv(text, where);
  std::vector<std::size_t> columns;
  const Record names{};
  visit_columns(names, [&](const char* column, const auto&) { columns.push_back(csv.column(column)); });
  std::vector<Record> records;
  while (csv.next_row()) {
    auto column = columns.begin();
    visit_columns(records.emplace_back(),
                  [&](const char*, auto& value) { read_cell(csv, *column++, value); });
  }
  return records;
}

/// The two entries of one threshold: in "thresholds" and in "confusion".
Json threshold_json(const Threshold& threshold) {
  return {{"statistic", name(threshold.statistic)},
          {"tau", threshold.tau ? Json(*threshold.tau) : Json(nullptr)},
          {"source", threshold.source}};
}

Json confusion_json(const Threshold& threshold, const Confusion& confusion) {
  Json above = Json::object(), not_above = Json::object();
  for (const Zone zone : all_zones) {
    above[name(zone)] = confusion.labelled(zone);
    not_above[name(zone)] = confusion.unlabelled(zone);
  }
  return {{"statistic", name(threshold.statistic)},
          {"tau", *threshold.tau},
          {"above", std::move(above)},
          {"not_above", std::move(not_above)}};
}

void add_thresholds(Json& json, std::span<const PointRecord> points_of_one_format) {
  Json thresholds = Json::array(), confusions = Json::array();
  for (const ThresholdResult& result : compare_with_thresholds(points_of_one_format)) {
    thresholds.push_back(threshold_json(result.threshold));
    if (result.confusion) confusions.push_back(confusion_json(result.threshold, *result.confusion));
  }
  json["thresholds"] = std::move(thresholds);
  json["confusion"] = std::move(confusions);
}

AuditResults load_from_files(const std::filesystem::path& folder) {
  const auto path_of = [&](const char* file) { return folder / file; };
  const auto text_of = [&](const char* file) { return read_text_file(path_of(file), largest_csv_file); };
  const std::string summary = path_of("summary.json").string();
  Json json = parse_json(read_text_file(summary, largest_json_file), summary);
  if (!json.is_object()) throw InputError(fmt::format("{}: not the summary of an audit", summary));
  const Json configuration = json["configuration"];
  check_configuration(configuration, summary);

  Assembly assembly(configuration, folder.string());
  for (auto& row : read_points_csv(text_of("points.csv"), path_of("points.csv").string())) {
    assembly.add(std::move(row));
  }
  for (auto& row : read_branches_csv(text_of("branches.csv"), path_of("branches.csv").string())) {
    assembly.of(row.format, row.point).branches.push_back(std::move(row));
  }
  for (auto& row : read_gradients_csv(text_of("gradients.csv"), path_of("gradients.csv").string())) {
    assembly.of(row.format, row.point).gradients.push_back(std::move(row));
  }
  if (std::filesystem::exists(path_of("samples.csv"))) {
    for (auto& row : read_table<SampleRow>(text_of("samples.csv"), path_of("samples.csv").string()))
      assembly.of(row.format, row.point).samples.push_back(std::move(row.sample));
  }
  return {configuration.dump(), std::move(assembly).take()};
}

}  // namespace

AuditResults load_results(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / store_file_name)) return ResultStore::open_existing(folder).load();
  if (!std::filesystem::exists(folder / "summary.json")) {
    throw InputError(fmt::format("{}: holds neither {} nor summary.json: not the results of an audit",
                                 folder.string(), store_file_name));
  }
  return load_from_files(folder);
}

void export_results(const std::filesystem::path& folder, const AuditResults& results, const RunTiming& run) {
  write_file_atomically(folder / "points.csv", points_csv(results));
  write_file_atomically(folder / "branches.csv", branches_csv(results));
  write_file_atomically(folder / "gradients.csv", gradients_csv(results));
  if (const std::string samples = samples_csv(results); !samples.empty())
    write_file_atomically(folder / "samples.csv", samples);
  write_file_atomically(folder / "summary.json", summary_json(results));
  write_file_atomically(folder / "timing.json", timing_json(results, run));
}

std::string points_csv(const AuditResults& results) {
  return table_csv<PointRecord>([&](auto write) {
    for (const PointResult& result : results.points) write(result.point);
  });
}

std::string branches_csv(const AuditResults& results) {
  return table_csv<BranchRecord>([&](auto write) {
    for (const PointResult& result : results.points) {
      for (const BranchRecord& row : result.branches) write(row);
    }
  });
}

std::string gradients_csv(const AuditResults& results) {
  return table_csv<GradientRecord>([&](auto write) {
    for (const PointResult& result : results.points) {
      for (const GradientRecord& row : result.gradients) write(row);
    }
  });
}

std::string samples_csv(const AuditResults& results) {
  const bool any = std::any_of(results.points.begin(), results.points.end(),
                               [](const PointResult& p) { return !p.samples.empty(); });
  if (!any) return {};
  return table_csv<SampleRow>([&](auto write) {
    for (const PointResult& result : results.points) {
      for (const SampleRecord& sample : result.samples)
        write(SampleRow{result.point.point, result.point.format, sample});
    }
  });
}

namespace {

/// The zones of all samples of a format; nothing where none were asked for.
void add_samples(Json& json, const AuditResults& results, const std::string& format) {
  std::vector<PointRecord> samples;
  for (const PointResult& result : results.points) {
    if (result.point.format != format) continue;
    for (const SampleRecord& s : result.samples) {
      PointRecord& p = samples.emplace_back();
      p.zone = s.zone;
      p.cause = s.cause;
      p.cause_layer = s.cause_layer;
      p.proof = s.proof;
      p.float_sees = s.float_sees;
    }
  }
  if (samples.empty()) return;
  Json census = census_json(take_census(samples));
  census.erase("branches");
  json["samples"] = std::move(census);
}

}  // namespace

std::string summary_json(const AuditResults& results) {
  const Json configuration = parse_configuration(results.configuration, "summary.json");
  std::vector<PointRecord> points;
  points.reserve(results.points.size());
  for (const PointResult& result : results.points) points.push_back(result.point);

  Json summary = census_json(take_census(points));
  Json thresholds = Json::object(), confusion = Json::object(), formats = Json::object();
  for (const std::string& format : formats_of(configuration)) {
    std::vector<PointRecord> selected;
    for (const PointRecord& point : points) {
      if (point.format == format) selected.push_back(point);
    }
    Json& own = formats[format] = census_json(take_census(selected));
    add_thresholds(own, selected);
    add_samples(own, results, format);
    thresholds[format] = own["thresholds"];
    confusion[format] = own["confusion"];
  }
  summary["thresholds"] = std::move(thresholds);
  summary["confusion"] = std::move(confusion);
  summary["formats"] = std::move(formats);
  for (const char* key : {"seed", "command", "versions"}) summary[key] = configuration[key];
  summary["configuration"] = configuration;
  return write_json(summary);
}

std::string timing_json(const AuditResults& results, const RunTiming& run) {
  double seconds = 0;
  Json points = Json::array();
  for (const PointResult& result : results.points) {
    seconds += result.seconds;
    points.push_back(
        {{"format", result.point.format}, {"point", result.point.point}, {"seconds", result.seconds}});
  }
  const double rate = run.wall_seconds > 0 ? static_cast<double>(run.points_audited) / run.wall_seconds : 0.0;
  Json json;
  json["run"] = {{"wall_seconds", run.wall_seconds},
                 {"points", run.points_audited},
                 {"points_per_second", rate},
                 {"threads", run.threads}};
  json["total"] = {{"points", results.points.size()}, {"seconds", seconds}};
  json["points"] = std::move(points);
  return write_json(json);
}

std::vector<PointRecord> read_points_csv(std::string_view text, const std::string& where) {
  return read_table<PointRecord>(text, where);
}

std::vector<BranchRecord> read_branches_csv(std::string_view text, const std::string& where) {
  return read_table<BranchRecord>(text, where);
}

std::vector<GradientRecord> read_gradients_csv(std::string_view text, const std::string& where) {
  return read_table<GradientRecord>(text, where);
}

}  // namespace gradzone
