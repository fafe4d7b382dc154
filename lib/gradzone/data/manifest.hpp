// Manifests of published data sets: where they come from, under which licence, and what their files must
// hold. They are JSON files in data/ of the source tree, built into the library.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gradzone {

/// A file of a data set, described by its uncompressed content: gzip is free to write the same bytes in many
/// ways. (An archive is described as it is served.)
struct ManifestFile {
  std::string name;
  std::size_t bytes = 0;
  std::string sha256;
};

struct Manifest {
  std::string name;  ///< what data-set specifications call it: "mnist"
  std::string title;
  std::string source;  ///< who published it, and where
  std::string licence;
  std::vector<std::string> urls;        ///< folders on the net that serve the set, "/" at their ends
  std::optional<ManifestFile> archive;  ///< the one .tar.gz file that is served, if the files are not
  std::string suffix;  ///< what the names of served files have behind them: ".gz" if compressed
  std::vector<ManifestFile> files;
};

/// Reads a manifest's JSON; "archive" and "suffix" may be left out. Throws InputError beginning with `where`.
Manifest parse_manifest(std::string_view json, const std::string& where);

/// Every manifest that is built in.
const std::vector<Manifest>& known_manifests();
/// The one with this name. Throws UsageError listing what exists.
const Manifest& find_manifest(std::string_view name);

struct FileCheck {
  enum class State { ok, missing, wrong } state = State::missing;
  std::string name;    ///< as in the manifest
  std::string detail;  ///< one line: the path that was read, or what is wrong with it
};
std::string_view name(FileCheck::State state);

/// What of a file is compared: its bytes, or its uncompressed content where it is gzip-compressed.
enum class Compared { bytes, content };
/// One line saying how the file differs in size or SHA-256 from what it should be, or that it is damaged;
/// empty if it is right.
std::string difference(const std::filesystem::path& path, const ManifestFile& file, Compared compared);

/// Compares each file of the manifest, plain or gzip-compressed in `folder`, with its size and SHA-256.
/// Damaged files are reported as wrong. Throws InputError if there is no such folder.
std::vector<FileCheck> verify_dataset(const std::filesystem::path& folder, const Manifest& manifest);

}  // namespace gradzone
