// gradzone data: which data sets there are, fetching them, and whether their files are what they should be.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/data/fetch.hpp"
#include "gradzone/data/manifest.hpp"
#include "terminal.hpp"

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

constexpr std::pair<const char*, const char*> built_in[] = {
    {"glyphs", "synthetic 28x28 digits drawn from the seed; built in, nothing to download"},
    {"glyphs32", "the same in colour on textures, 32x32: a stand-in for CIFAR-10"}};

void list(bool json) {
  if (json) {
    Json out = Json::array();
    for (const auto& [name, title] : built_in)
      out.push_back({{"name", name}, {"title", title}, {"files", nullptr}});
    for (const Manifest& m : known_manifests()) out.push_back(to_json(m));
    fmt::print("{}\n", out.dump(2));
    return;
  }
  for (const auto& [name, title] : built_in) fmt::print("{:<17}{}\n", fmt::format("{}[:COUNT]", name), title);
  for (const Manifest& m : known_manifests()) {
    fmt::print("{}:FOLDER{:<{}}{}\n  source: {}\n  licence: {}\n", m.name, "",
               std::max(1, 10 - static_cast<int>(m.name.size())), m.title, m.source, m.licence);
    for (const std::string& url : m.urls) fmt::print("  from: {}{}\n", url, m.archive ? m.archive->name : "");
    for (const ManifestFile& f : m.files)
      fmt::print("  {}  {} bytes  sha256 {}\n", f.name, f.bytes, f.sha256);
  }
  fmt::print("folder:DIR, npy:DIR, npy:FILE, npz:FILE: images of your own, with labels or without\n");
}

/// NAME:FOLDER
std::pair<std::string, std::string> name_and_folder(const std::string& spec) {
  const std::size_t colon = spec.find(':');
  if (colon == std::string::npos)
    throw UsageError(fmt::format("'{}': name a data set and its folder, e.g. mnist:data/mnist", spec));
  return {spec.substr(0, colon), spec.substr(colon + 1)};
}

/// The checks as a table or as JSON, and how many of them failed.
std::size_t print(const std::vector<FileCheck>& checks, bool json) {
  std::size_t bad = 0;
  Json out = Json::array();
  for (const FileCheck& check : checks) {
    if (check.state != FileCheck::State::ok) ++bad;
    out.push_back({{"name", check.name}, {"state", name(check.state)}, {"detail", check.detail}});
    if (!json) fmt::print("{:<8} {:<28} {}\n", name(check.state), check.name, check.detail);
  }
  if (json) fmt::print("{}\n", out.dump(2));
  return bad;
}

void verify(const std::string& spec, bool json) {
  const auto [set, folder] = name_and_folder(spec);
  const std::vector<FileCheck> checks = verify_dataset(folder, find_manifest(set));
  const std::size_t bad = print(checks, json);
  if (bad > 0) throw InputError(fmt::format("{}: {} of {} files missing or wrong", spec, bad, checks.size()));
}

struct FetchArguments {
  std::string name, folder, place;
};

void fetch(const FetchArguments& arguments, const Common& common) {
  Manifest manifest = find_manifest(arguments.name);
  const std::string folder = arguments.folder.empty() ? "data/" + manifest.name : arguments.folder;
  if (!arguments.place.empty())
    manifest.urls = {arguments.place + (arguments.place.ends_with('/') ? "" : "/")};
  if (!common.quiet && !common.json)
    fmt::print("{}\n  source: {}\n  licence: {}\n", manifest.title, manifest.source, manifest.licence);
  {
    ProgressLine progress("fetching " + manifest.name, "byte", common.quiet);
    fetch_dataset(manifest, folder, progress.watch(common.stop));
  }
  const std::vector<FileCheck> checks = verify_dataset(folder, manifest);
  if (!common.quiet) print(checks, common.json);
}

void add_fetch(CLI::App& data, Common& common, ExitCode& exit_code) {
  CLI::App* command = data.add_subcommand("fetch", "Download a published data set and verify it");
  auto arguments = std::make_shared<FetchArguments>();
  command->add_option("name", arguments->name, "mnist, cifar10, cifar100 or svhn")->required();
  command->add_option("--to", arguments->folder, "The folder to put it in (default: data/NAME)");
  command->add_option("--from", arguments->place,
                      "An address (http or https) that serves the files, in place of the published ones");
  add_common(*command, common);
  command->footer(
      "Only what is missing or wrong is downloaded; an interrupted download continues with the same "
      "command.\n"
      "No file gets its name before its checksum is right.\n\nExample:\n  gradzone data fetch cifar10 --to "
      "data/cifar10");
  command->callback([arguments, &common, &exit_code] {
    fetch(*arguments, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace

void add_data(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand("data", "List the data sets, fetch them and verify their files");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  gradzone data list\n  gradzone data fetch mnist\n  gradzone data verify "
      "mnist:data/mnist");
  add_fetch(*command, common, exit_code);
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
      "Files may be gzip-compressed (FILE.gz). Exits with 3 if one is missing or wrong.\n\nExample:\n  "
      "gradzone data verify mnist:data/mnist");
  verify_command->callback([spec, &common, &exit_code] {
    verify(*spec, common.json);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
