// gradzone data: which data sets there are, and whether their files are what they should be.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/data/manifest.hpp"

namespace gradzone::app {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const ManifestFile& file) {
  return {{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

Json to_json(const Manifest& m) {
  Json files = Json::array();
  for (const ManifestFile& file : m.files) files.push_back(to_json(file));
  return {{"name", m.name},     {"title", m.title},
          {"source", m.source}, {"licence", m.licence},
          {"urls", m.urls},     {"archive", m.archive ? to_json(*m.archive) : Json(nullptr)},
          {"suffix", m.suffix}, {"files", files}};
}

void list(bool json) {
  if (json) {
    Json out = Json::array();
    out.push_back({{"name", "glyphs"}, {"title", "synthetic digits, built in"}, {"files", nullptr}});
    for (const Manifest& m : known_manifests()) out.push_back(to_json(m));
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("glyphs[:COUNT]   synthetic 28x28 digits drawn from the seed; built in, nothing to download\n");
  for (const Manifest& m : known_manifests()) {
    fmt::print("{}:FOLDER{:<{}}{}\n  source: {}\n  licence: {}\n", m.name, "",
               std::max(1, 10 - static_cast<int>(m.name.size())), m.title, m.source, m.licence);
    for (const std::string& url : m.urls) fmt::print("  from: {}{}\n", url, m.archive ? m.archive->name : "");
    for (const ManifestFile& f : m.files)
      fmt::print("  {} (or .gz)  {} bytes  sha256 {}\n", f.name, f.bytes, f.sha256);
  }
}

void verify(const std::string& spec, bool json) {
  const std::size_t colon = spec.find(':');
  if (colon == std::string::npos)
    throw UsageError(fmt::format("'{}': name a data set and its folder, e.g. mnist:data/mnist", spec));
  const std::vector<FileCheck> checks =
      verify_dataset(spec.substr(colon + 1), find_manifest(spec.substr(0, colon)));
  std::size_t bad = 0;
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const FileCheck& check : checks) {
    if (check.state != FileCheck::State::ok) ++bad;
    out.push_back({{"name", check.name}, {"state", name(check.state)}, {"detail", check.detail}});
    if (!json) fmt::print("{:<8} {:<28} {}\n", name(check.state), check.name, check.detail);
  }
  if (json) fmt::print("{}\n", out.dump(2));
  if (bad > 0) throw InputError(fmt::format("{}: {} of {} files missing or wrong", spec, bad, checks.size()));
}

}  // namespace

void add_data(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand("data", "List the data sets and verify their files");
  command->require_subcommand(1);
  command->footer("Examples:\n  gradzone data list\n  gradzone data verify mnist:data/mnist");
  CLI::App* list_command =
      command->add_subcommand("list", "The data sets that --data takes, with source, licence and checksums");
  add_common(*list_command, common);
  list_command->footer("Example:\n  gradzone data list --json");
  list_command->callback([&common, &exit_code] {
    list(common.json);
    exit_code = ExitCode::done;
  });
  CLI::App* verify_command =
      command->add_subcommand("verify", "Compare the files of a folder with the published checksums");
  auto spec = std::make_shared<std::string>();
  verify_command->add_option("data", *spec, "NAME:FOLDER, e.g. mnist:data/mnist")->required();
  add_common(*verify_command, common);
  verify_command->footer(
      "Exits with 3 if a file is missing or wrong.\n\nExample:\n  gradzone data verify mnist:data/mnist");
  verify_command->callback([spec, &common, &exit_code] {
    verify(*spec, common.json);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
