// Whole-file input and output. Output is atomic: a reader sees the old file or the new one, never a part.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradzone {

/// The bytes of a file. Throws InputError if it is missing, a directory, unreadable, or larger than `limit`
/// bytes.
std::vector<std::byte> read_file(const std::filesystem::path& path, std::size_t limit);

/// The same as text.
std::string read_text_file(const std::filesystem::path& path, std::size_t limit);

/// Makes sure that there is such a folder and that files can be made in it, creating it and its parents where
/// missing. Throws InputError if that cannot be, InterruptedError if the disk is full.
void create_writable_folder(const std::filesystem::path& folder);

/// Writes to a temporary name beside `path`, flushes it to disk and renames it. Throws InputError if the
/// folder does not exist or cannot be written, InterruptedError if the disk is full; `path` is then as it
/// was.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// At most one process writes its results to a folder. The lock is on the folder itself, where it disturbs no
/// lock on a file in it (SQLite's), and ends with the process.
class FolderLock {
 public:
  /// Throws UsageError if another process holds it, InputError if the folder cannot be opened.
  explicit FolderLock(const std::filesystem::path& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int fd_;
};

}  // namespace gradzone
