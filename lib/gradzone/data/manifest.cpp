#include "gradzone/data/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/gzip.hpp"
#include "gradzone/data/mnist.hpp"
#include "gradzone/data/sha256.hpp"
#include "manifest_texts.hpp"

namespace gradzone {
namespace {

/// How much longer than its content a gzip file may be: names and comments in its header.
constexpr std::size_t gzip_overhead = std::size_t{1} << 20;

/// The file's content, uncompressed, but no more than one byte over what is expected if it was compressed.
std::vector<std::byte> content(const std::filesystem::path& path, std::size_t expected) {
  std::vector<std::byte> file = read_file(path, expected + gzip_overhead);
  return is_gzip(file) ? gunzip_at_most(file, expected + 1, path.string()) : file;
}

FileCheck check(const std::filesystem::path& folder, const ManifestFile& file) {
  const auto path = find_plain_or_gzip(folder, file.name);
  if (path.empty()) return {FileCheck::State::missing, file.name, fmt::format("not in {}", folder.string())};
  const auto wrong = [&](const std::string& what) {
    return FileCheck{FileCheck::State::wrong, file.name, what};
  };
  try {
    const auto bytes = content(path, file.bytes);
    if (bytes.size() > file.bytes)
      return wrong(fmt::format("{}: more than {} bytes", path.string(), file.bytes));
    if (bytes.size() < file.bytes) {
      return wrong(fmt::format("{}: {} bytes instead of {}", path.string(), bytes.size(), file.bytes));
    }
    const std::string sum = sha256_hex(bytes);
    if (sum != file.sha256)
      return wrong(fmt::format("{}: sha256 {} instead of {}", path.string(), sum, file.sha256));
  } catch (const InputError& error) {
    return wrong(error.what());
  }
  return {FileCheck::State::ok, file.name, path.string()};
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

ManifestFile parse_file(const nlohmann::json& json, const std::string& where) {
  const ManifestFile file{json.at("name"), json.at("bytes"), json.at("sha256")};
  if (!is_sha256(file.sha256)) throw InputError(fmt::format("{}: {} has no SHA-256", where, file.name));
  if (file.name.empty() || file.name.find('/') != std::string::npos)
    throw InputError(fmt::format("{}: a file name must not be empty or lead to another folder", where));
  return file;
}

}  // namespace

Manifest parse_manifest(std::string_view json, const std::string& where) {
  try {
    const auto root = nlohmann::json::parse(json);
    Manifest out{.name = root.at("name"),
                 .title = root.at("title"),
                 .source = root.at("source"),
                 .licence = root.at("licence"),
                 .urls = root.at("urls"),
                 .archive = {},
                 .suffix = root.value("suffix", ""),
                 .files = {}};
    if (root.contains("archive")) out.archive = parse_file(root["archive"], where);
    for (const auto& file : root.at("files")) out.files.push_back(parse_file(file, where));
    return out;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("{}: not a manifest: {}", where, error.what()));
  }
}

const std::vector<Manifest>& known_manifests() {
  static const std::vector<Manifest> all = [] {
    std::vector<Manifest> out;
    for (const std::string_view text : manifest_texts)
      out.push_back(parse_manifest(text, "built-in manifest"));
    return out;
  }();
  return all;
}

const Manifest& find_manifest(std::string_view name) {
  const auto& all = known_manifests();
  const auto it = std::find_if(all.begin(), all.end(), [&](const Manifest& m) { return m.name == name; });
  if (it != all.end()) return *it;
  std::string names;
  for (const Manifest& m : all) names += (names.empty() ? "" : ", ") + m.name;
  throw UsageError(fmt::format("unknown data set \"{}\": there are manifests of {}", name, names));
}

std::string_view name(FileCheck::State state) {
  switch (state) {
    case FileCheck::State::ok:
      return "OK";
    case FileCheck::State::missing:
      return "missing";
    case FileCheck::State::wrong:
      return "wrong";
  }
  return "?";
}

std::vector<FileCheck> verify_dataset(const std::filesystem::path& folder, const Manifest& manifest) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw InputError(fmt::format("{}: no such folder", folder.string()));
  }
  std::vector<FileCheck> out;
  for (const ManifestFile& file : manifest.files) out.push_back(check(folder, file));
  return out;
}

}  // namespace gradzone
