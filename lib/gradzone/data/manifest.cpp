#include "gradzone/data/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/gzip.hpp"
#include "gradzone/data/mnist.hpp"
#include "gradzone/data/sha256.hpp"
#include "manifest_texts.hpp"

namespace gradzone {
namespace {

struct Content {
  std::size_t bytes = 0;
  std::string sha256;
};

/// Of the file, or of what is in it if that is compared and it is gzip-compressed. Reads little more than
/// expected.
Content content_of(const std::filesystem::path& path, std::size_t expected, Compared compared) {
  constexpr std::size_t gzip_overhead = std::size_t{1} << 20;  // names and comments in its header
  std::ifstream file(path, std::ios::binary);
  std::vector<char> piece(std::size_t{1} << 20);
  const auto read_piece = [&] {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    return std::as_bytes(std::span(piece).first(static_cast<std::size_t>(file.gcount())));
  };
  auto bytes = read_piece();
  if (bytes.empty() && !file.eof()) throw InputError(fmt::format("{}: cannot read", path.string()));
  if (compared == Compared::content && is_gzip(bytes)) {
    const auto all = gunzip_at_most(read_file(path, expected + gzip_overhead), expected + 1, path.string());
    return {all.size(), sha256_hex(all)};
  }
  Content out;
  Sha256 hash;
  for (; !bytes.empty() && out.bytes <= expected; bytes = read_piece()) {
    out.bytes += bytes.size();
    hash.update(bytes);
  }
  out.sha256 = hash.hex();
  return out;
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

std::string difference(const std::filesystem::path& path, const ManifestFile& file, Compared compared) {
  try {
    const Content content = content_of(path, file.bytes, compared);
    if (content.bytes > file.bytes) return fmt::format("{}: more than {} bytes", path.string(), file.bytes);
    if (content.bytes < file.bytes)
      return fmt::format("{}: {} bytes instead of {}", path.string(), content.bytes, file.bytes);
    if (content.sha256 != file.sha256)
      return fmt::format("{}: sha256 {} instead of {}", path.string(), content.sha256, file.sha256);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
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
  for (const ManifestFile& file : manifest.files) {
    const auto path = find_plain_or_gzip(folder, file.name);
    if (path.empty()) {
      out.push_back({FileCheck::State::missing, file.name, fmt::format("not in {}", folder.string())});
      continue;
    }
    const std::string wrong = difference(path, file, Compared::content);
    const auto state = wrong.empty() ? FileCheck::State::ok : FileCheck::State::wrong;
    out.push_back({state, file.name, wrong.empty() ? path.string() : wrong});
  }
  return out;
}

}  // namespace gradzone
