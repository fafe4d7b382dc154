#include "gradzone/study/merge.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/configuration.hpp"
#include "gradzone/io/safetensors.hpp"
#include "gradzone/io/store.hpp"
#include "gradzone/study/continuation.hpp"
#include "gradzone/study/rate_search.hpp"
#include "gradzone/study/train_study.hpp"
#include "gradzone/study/volume_study.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;

/// A kind of study that has shares.
struct Kind {
  const char* file;  ///< that a folder of it has
  Merged (*merge)(const std::vector<fs::path>& shares, const fs::path& folder);
};

Json configuration_in(const fs::path& file) {
  const Json json = parse_json(read_text_file(file, largest_json_file), file.string());
  if (!json.is_object() || !json.contains("formats") || !json["formats"].is_array())
    throw InputError(fmt::format("{}: not the configuration of a study", file.string()));
  return json;
}

template <class T, class Parse>
std::vector<T> values_of(const Json& configuration, const char* key, const Parse& parse) {
  std::vector<T> out;
  for (const Json& value : configuration.at(key)) out.push_back(parse(value));
  return out;
}

/// Makes `folder` one of the same study as the share.
void continue_in(const fs::path& folder, const fs::path& share, const char* file) {
  continues_study(folder / file, read_text_file(share / file, largest_json_file));
}

Merged merge_audits(const std::vector<fs::path>& shares, const fs::path& folder) {
  Merged out;
  for (const fs::path& share : shares) {
    const ResultStore from = ResultStore::open_existing(share);
    ResultStore to = ResultStore::open(folder, from.configuration());
    for (const PointResult& result : from.load().points) {
      if (to.contains(result.point.point, result.point.format)) continue;
      to.put(result);
      ++out.added;
    }
    to.commit();
    out.units = static_cast<Index>(to.load().points.size());
  }
  return out;
}

Merged merge_volumes(const std::vector<fs::path>& shares, const fs::path& folder) {
  const FolderLock lock(folder);
  const auto formats = values_of<Format>(configuration_in(shares[0] / volume_file), "formats",
                                         [](const Json& v) { return parse_format(v.get<std::string>()); });
  continue_in(folder, shares[0], volume_file);
  VolumeTables tables(folder, formats, true);
  const std::size_t before = tables.rows().size();
  for (const fs::path& share : shares) {
    continue_in(folder, share, volume_file);
    tables.add_missing(VolumeTables(share, formats, true));
  }
  tables.write();
  const std::size_t now = tables.rows().size();
  return {static_cast<Index>(now), static_cast<Index>(now - before)};
}

/// A checkpoint may be large: it is read before it is written, so that nothing damaged is taken over.
void copy_checkpoint(const fs::path& from, const fs::path& to) {
  write_safetensors(to, read_safetensors(from));
}

Merged merge_trainings_of(const std::vector<fs::path>& shares, const fs::path& folder, const char* file,
                          const std::function<std::vector<TrainUnit>(const Json&)>& configurations_of,
                          const std::function<std::string(const TrainUnit&)>& name_of) {
  const FolderLock lock(folder);
  const Json configuration = configuration_in(shares[0] / file);
  const std::vector<TrainUnit> configurations = configurations_of(configuration);
  const bool zones = configuration.value("audit_every", 0) > 0;
  continue_in(folder, shares[0], file);
  TrainTables tables(folder, configurations, zones, true);
  Merged out;
  for (const fs::path& share : shares) {
    continue_in(folder, share, file);
    const TrainTables others(share, configurations, zones, true);
    std::vector<TrainUnit> taken;
    for (const TrainUnit& unit : others.units()) {
      if (others.records(unit).size() <= tables.records(unit).size()) continue;
      tables.take(unit, others);
      taken.push_back(unit);
    }
    tables.write();  // before the checkpoints, as a training does
    for (const TrainUnit& unit : taken) {
      const std::string checkpoint = name_of(unit) + ".safetensors";
      copy_checkpoint(share / checkpoint, folder / checkpoint);
    }
    out.added += static_cast<Index>(taken.size());
  }
  out.units = static_cast<Index>(tables.units().size());
  return out;
}

std::vector<TrainingFormat> training_formats(const Json& configuration) {
  return values_of<TrainingFormat>(configuration, "formats",
                                   [](const Json& v) { return parse_training_format(v.get<std::string>()); });
}

Merged merge_trainings(const std::vector<fs::path>& shares, const fs::path& folder) {
  const auto configurations = [](const Json& json) {
    std::vector<TrainUnit> out;
    const auto forms =
        values_of<Form>(json, "forms", [](const Json& v) { return parse_form(v.get<std::string>()); });
    const auto betas = values_of<double>(json, "betas", [](const Json& v) { return v.get<double>(); });
    for (const TrainingFormat format : training_formats(json))
      for (const Form form : forms)
        for (const double beta : betas) out.push_back({format, form, beta, 0});
    return out;
  };
  return merge_trainings_of(shares, folder, training_file, configurations,
                            [](const TrainUnit& unit) { return unit.name(); });
}

Merged merge_searches(const std::vector<fs::path>& shares, const fs::path& folder) {
  const auto configurations = [](const Json& json) {
    std::vector<TrainUnit> out;
    for (const TrainingFormat format : training_formats(json)) out.push_back(trial_unit(format, 0));
    return out;
  };
  return merge_trainings_of(shares, folder, rate_search_configuration_file, configurations, trial_name);
}

constexpr Kind kinds[] = {{store_file_name, merge_audits},
                          {volume_file, merge_volumes},
                          {training_file, merge_trainings},
                          {rate_search_configuration_file, merge_searches}};

}  // namespace

Merged merge_shares(const std::vector<fs::path>& shares, const fs::path& folder) {
  const auto kind =
      std::ranges::find_if(kinds, [&](const Kind& k) { return fs::exists(shares.at(0) / k.file); });
  if (kind == std::end(kinds)) {
    throw InputError(
        fmt::format("{}: holds no study whose shares can be merged: name folders that audit, volume, train "
                    "or search-lr wrote",
                    shares[0].string()));
  }
  for (const fs::path& share : shares) {
    if (!fs::exists(share / kind->file))
      throw InputError(fmt::format("{}: has no {}, unlike {}: all folders hold shares of one study",
                                   share.string(), kind->file, shares[0].string()));
    if (fs::weakly_canonical(share) == fs::weakly_canonical(folder))
      throw UsageError(
          fmt::format("--out {}: is one of the shares; give a folder of its own", folder.string()));
  }
  create_writable_folder(folder);
  refuse_other_study(folder, kind->file);
  try {
    return kind->merge(shares, folder);
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("{}: damaged: {}", (shares[0] / kind->file).string(), error.what()));
  }
}

}  // namespace gradzone
