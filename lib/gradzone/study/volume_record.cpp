#include "gradzone/study/volume_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/json.hpp"

namespace gradzone {
namespace {

/// What the tables are read with.
struct Identity {
  std::string text, command;
  std::vector<Format> formats;
  HitRule hit;
};

Identity read_identity(const std::filesystem::path& file) {
  Identity out;
  out.text = read_text_file(file, largest_json_file);
  try {
    const Json json = parse_json(out.text, file.string());
    out.command = json.at("command").get<std::string>();
    out.hit = HitRule::parse(json.at("hit").get<std::string>());
    for (const Json& format : json.at("formats"))
      out.formats.push_back(parse_format(format.get<std::string>()));
  } catch (const Json::exception&) {
    throw InputError(fmt::format(
        "{}: not the configuration of a volume study: it lacks command, formats or hit", file.string()));
  } catch (const UsageError& error) {  // a rule or a format that does not exist
    throw InputError(fmt::format("{}: {}", file.string(), error.what()));
  }
  return out;
}

/// The last command and the initialisations it asked for.
void read_request(VolumeResults& results, const std::filesystem::path& file) {
  const Json summary = parse_json(read_text_file(file, largest_json_file), file.string());
  try {
    results.command = summary.at("command").get<std::string>();
    results.inits = std::max(results.inits, summary.at("initialisations").get<Index>());
  } catch (const Json::exception&) {
    throw InputError(fmt::format(
        "{}: not the summary of a volume study: the same volume command writes it again", file.string()));
  }
}

}  // namespace

VolumeResults load_volume(const std::filesystem::path& folder) {
  const Identity identity = read_identity(folder / "volume.json");
  const VolumeTables tables(folder, identity.formats, true);
  VolumeResults results{identity.text, identity.command, 0, identity.hit, tables.rows(), tables.points()};
  if (results.rows.empty())
    throw InputError(
        fmt::format("{}: this volume study has no finished initialisation yet", folder.string()));
  for (const VolumeRow& row : results.rows) results.inits = std::max(results.inits, row.init + 1);
  if (const auto summary = folder / "summary.json"; std::filesystem::exists(summary))
    read_request(results, summary);
  return results;
}

}  // namespace gradzone
