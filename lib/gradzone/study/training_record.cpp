#include "gradzone/study/training_record.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/json.hpp"

namespace gradzone {
namespace {

constexpr const char* configuration_file = "training.json";

/// The configuration, of which the report needs a network and an optimiser.
std::string read_configuration(const std::filesystem::path& file) {
  const std::string text = read_text_file(file, largest_json_file);
  const Json json = parse_json(text, file.string());
  const auto is_text = [&](const char* path) {
    const Json::json_pointer at(path);
    return json.contains(at) && json.at(at).is_string();
  };
  if (!is_text("/network") || !is_text("/optimiser/kind"))
    throw InputError(fmt::format("{}: not the configuration of a training: it names no network and optimiser",
                                 file.string()));
  return text;
}

TrainUnit configuration_of(TrainUnit unit) {
  unit.run = 0;
  return unit;
}

/// Each unit with its last epoch. Throws InputError unless the rows are in the order of a training's tables.
std::vector<UnitResult> units_of(const std::vector<TraceRow>& trace, const std::string& where) {
  std::vector<UnitResult> units;
  std::set<std::string> seen;  // units, and configurations as their run 0
  for (const TraceRow& row : trace) {
    const bool same = !units.empty() && units.back().unit == row.unit;
    const bool same_configuration =
        !units.empty() && configuration_of(units.back().unit) == configuration_of(row.unit);
    const int run = same_configuration ? units.back().unit.run + 1 : 0;
    if (!same) {
      if (row.unit.run != run || !seen.insert(row.unit.name()).second)
        throw InputError(fmt::format("{}: the rows of {} are not where its runs follow one another", where,
                                     row.unit.name()));
      units.push_back({row.unit, {}, {}});
    }
    if (row.record.epoch != units.back().last.epoch + 1)
      throw InputError(fmt::format("{}: epoch {} of {} follows epoch {}", where, row.record.epoch,
                                   row.unit.name(), units.back().last.epoch));
    units.back().last = row.record;
  }
  return units;
}

/// Where units first met a NaN, from summary.json.
void add_non_finite(std::vector<UnitResult>& units, const std::filesystem::path& file) {
  const Json summary = parse_json(read_text_file(file, largest_json_file), file.string());
  try {
    for (const Json& entry : summary.at("units")) {
      if (!entry.contains("first_non_finite")) continue;
      const Json& first = entry.at("first_non_finite");
      for (UnitResult& u : units) {
        if (entry.at("checkpoint") != u.unit.name() + ".safetensors") continue;
        u.non_finite = NonFinite{first.at("epoch").get<int>(), first.at("step").get<Index>(),
                                 first.at("layer").get<std::string>()};
      }
    }
  } catch (const Json::exception&) {
    throw InputError(fmt::format("{}: not the summary of a training: the same train command writes it again",
                                 file.string()));
  }
}

}  // namespace

std::string TrainingRecord::network() const {
  return Json::parse(results.configuration).at("network").get<std::string>();
}

std::string TrainingRecord::optimiser() const {
  return Json::parse(results.configuration).at("optimiser").at("kind").get<std::string>();
}

bool is_training(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / configuration_file);
}

TrainingRecord load_training(const std::filesystem::path& folder) {
  TrainingRecord record;
  record.results.configuration = read_configuration(folder / configuration_file);
  const auto trace = folder / "trace.csv", zones = folder / "zones.csv", times = folder / "times.csv",
             summary = folder / "summary.json";
  if (std::filesystem::exists(trace)) record.trace = read_trace_csv(table_text(trace), trace.string());
  if (record.trace.empty())
    throw InputError(fmt::format("{}: this training has no finished epoch yet", folder.string()));
  record.results.units = units_of(record.trace, trace.string());
  if (std::filesystem::exists(zones)) record.zones = read_zones_csv(table_text(zones), zones.string());
  if (std::filesystem::exists(times)) record.times = read_times_csv(table_text(times), times.string());
  if (std::filesystem::exists(summary)) add_non_finite(record.results.units, summary);
  return record;
}

}  // namespace gradzone
