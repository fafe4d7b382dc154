#include "gradzone/data/npz.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

constexpr std::string_view ending = ".npy";

[[noreturn]] void fail(const std::string& where, std::string_view what) {
  throw InputError(fmt::format("{}: not a NPZ file that can be read: {}", where, what));
}

/// Walks over the entries of a zip file in memory.
class Zip {
 public:
  Zip(std::span<const std::byte> file, const std::string& where)
      : archive_(archive_read_new()), where_(where) {
    // The seeking reader alone: it goes by the list at the file's end, which a file cut short lacks.
    archive_read_support_format_zip_seekable(archive_.get());
    check(archive_read_open_memory(archive_.get(), file.data(), file.size()));
  }

  /// The next entry's name; false at the end.
  bool next(std::string& name) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) return false;
    if (status != ARCHIVE_WARN) check(status);  // it warns of names that the locale cannot show
    const char* text = archive_entry_pathname_utf8(entry);
    if (text == nullptr) text = archive_entry_pathname(entry);
    name = text == nullptr ? "" : text;
    return true;
  }

  /// The next bytes of the entry, fewer than asked for only at its end.
  std::size_t read(std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size()) {
      const la_ssize_t n = archive_read_data(archive_.get(), out.data() + done, out.size() - done);
      if (n < 0) check(ARCHIVE_FATAL);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

 private:
  void check(int status) {
    if (status == ARCHIVE_OK) return;
    const char* text = archive_error_string(archive_.get());
    fail(where_, text == nullptr ? "it is damaged" : text);
  }

  std::unique_ptr<archive, decltype([](archive* a) { archive_read_free(a); })> archive_;
  const std::string& where_;
};

bool is_printable(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

}  // namespace

NpzFile::NpzFile(std::span<const std::byte> file, std::string where) : file_(file), where_(std::move(where)) {
  Zip zip(file_, where_);
  std::set<std::string> seen;
  for (std::string name; zip.next(name);) {
    if (seen.size() == most_npz_entries)
      fail(where_, fmt::format("it has more than {} entries", most_npz_entries));
    if (!is_printable(name)) fail(where_, "the name of an entry is no printable text");
    if (!seen.insert(name).second) fail(where_, fmt::format("it has two entries named {}", name));
    if (name.ends_with(ending)) keys_.push_back(name.substr(0, name.size() - ending.size()));
  }
}

bool NpzFile::contains(std::string_view key) const {
  return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
}

NpyArray NpzFile::read(std::string_view key) const {
  if (!contains(key))
    throw InputError(
        fmt::format("{}: it holds no array {}; there are: {}", where_, key, fmt::join(keys_, ", ")));
  constexpr std::size_t always = std::size_t{1} << 26, most_deflated = 100;
  const std::size_t most = std::min(largest_npy, std::max(always, most_deflated * file_.size()));
  const std::string where = fmt::format("{}: {}", where_, key);
  Zip zip(file_, where);
  for (std::string name; zip.next(name);)
    if (name.size() == key.size() + ending.size() && name.starts_with(key) && name.ends_with(ending))
      return read_npy([&](std::span<std::byte> out) { return zip.read(out); }, most, where);
  fail(where, "it is gone");
}

}  // namespace gradzone
