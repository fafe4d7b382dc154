#include "gradzone/data/fetch.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/download.hpp"
#include "gradzone/data/sha256.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;

/// How much longer a compressed file may be than its content.
constexpr std::size_t compression_overhead = std::size_t{1} << 20;

struct Wanted {
  std::string name;  ///< as it is served
  const ManifestFile& file;
  Compared compared;
  fs::path part;
};

/// Downloads from one place until the part is what it should be. What was left by an earlier call is given up
/// if it turns out wrong.
void download_right(const std::string& place, const Wanted& wanted, const Watch& watch) {
  std::error_code ignored;
  const auto wrong = [&] { return difference(wanted.part, wanted.file, wanted.compared); };
  const auto attempt = [&] {
    download(place + wanted.name, wanted.part, wanted.file.bytes + compression_overhead, watch);
    return wrong();
  };
  const bool continued = fs::exists(wanted.part, ignored);
  if (continued && wrong().empty()) return;  // stopped just before it got its name
  std::string what = attempt();
  if (!what.empty() && continued) {
    fs::remove(wanted.part);
    what = attempt();
  }
  if (what.empty()) return;
  fs::remove(wanted.part);
  throw InputError(fmt::format("{}{}: not the published file: {}", place, wanted.name, what));
}

/// Downloads from the first place that has the file right.
void download_somewhere(const std::vector<std::string>& places, const Wanted& wanted, const Watch& watch) {
  std::optional<InputError> first;
  for (const std::string& place : places) {
    try {
      download_right(place, wanted, watch);
      return;
    } catch (const InputError& error) {
      if (!first) first = error;
    }
  }
  throw first ? *first : InputError(fmt::format("{}: no address is known", wanted.name));
}

using Archive = std::unique_ptr<archive, decltype([](archive* a) { archive_read_free(a); })>;

std::vector<std::byte> entry_content(archive* reader, const ManifestFile& file, const fs::path& path) {
  std::vector<std::byte> out(file.bytes + 1);
  std::size_t done = 0;
  while (done < out.size()) {
    const la_ssize_t n = archive_read_data(reader, out.data() + done, out.size() - done);
    if (n < 0) throw InputError(fmt::format("{}: {}", path.string(), archive_error_string(reader)));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  out.resize(done);
  if (done != file.bytes || sha256_hex(out) != file.sha256)
    throw InputError(fmt::format("{}: {} in it is not the published file", path.string(), file.name));
  return out;
}

/// Takes the manifest's files out of the archive, from whatever folder in it.
void unpack(const fs::path& path, const Manifest& manifest, const fs::path& folder) {
  const Archive reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  const auto check = [&](int status) {
    if (status != ARCHIVE_OK && status != ARCHIVE_EOF)
      throw InputError(fmt::format("{}: {}", path.string(), archive_error_string(reader.get())));
    return status == ARCHIVE_OK;
  };
  constexpr std::size_t block = std::size_t{1} << 16;
  check(archive_read_open_filename(reader.get(), path.c_str(), block));
  std::size_t found = 0;
  for (archive_entry* entry = nullptr; check(archive_read_next_header(reader.get(), &entry));) {
    const char* name = archive_entry_pathname(entry);
    const std::string file_name = name == nullptr ? "" : fs::path(name).filename().string();
    const auto file = std::find_if(manifest.files.begin(), manifest.files.end(),
                                   [&](const ManifestFile& f) { return f.name == file_name; });
    if (file == manifest.files.end() || archive_entry_filetype(entry) != AE_IFREG) continue;
    write_file_atomically(folder / file->name, entry_content(reader.get(), *file, path));
    ++found;
  }
  if (found != manifest.files.size())
    throw InputError(
        fmt::format("{}: holds {} of the {} files", path.string(), found, manifest.files.size()));
}

fs::path with_part(fs::path path) {
  path += ".part";
  return path;
}

}  // namespace

void fetch_dataset(const Manifest& manifest, const fs::path& folder, const Watch& watch) {
  create_writable_folder(folder);
  const std::vector<FileCheck> checks = verify_dataset(folder, manifest);
  if (std::all_of(checks.begin(), checks.end(),
                  [](const FileCheck& c) { return c.state == FileCheck::State::ok; }))
    return;
  if (manifest.archive) {
    const fs::path part = with_part(folder / manifest.archive->name);
    download_somewhere(manifest.urls, {manifest.archive->name, *manifest.archive, Compared::bytes, part},
                       watch);
    unpack(part, manifest, folder);
    fs::remove(part);
    return;
  }
  std::int64_t before = 0;  // bytes of the files that are done
  const Watch cumulative{[&](std::int64_t done, std::int64_t total) {
                           if (watch.progress) watch.progress(before + done, before + total);
                         },
                         watch.stop};
  for (std::size_t i = 0; i < checks.size(); ++i) {
    if (checks[i].state == FileCheck::State::ok) continue;
    const ManifestFile& file = manifest.files[i];
    const fs::path path = folder / (file.name + manifest.suffix), part = with_part(path);
    download_somewhere(manifest.urls, {file.name + manifest.suffix, file, Compared::content, part},
                       cumulative);
    if (!manifest.suffix.empty()) fs::remove(folder / file.name);  // a wrong one that would be found first
    fs::rename(part, path);
    before += static_cast<std::int64_t>(fs::file_size(path));
  }
}

}  // namespace gradzone
