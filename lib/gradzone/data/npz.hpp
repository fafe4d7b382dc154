// NumPy's archives of arrays: a zip of NPY files, as numpy.savez and numpy.savez_compressed write them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/data/npy.hpp"

namespace gradzone {

/// More entries are an InputError.
inline constexpr std::size_t most_npz_entries = 10000;

class NpzFile {
 public:
  /// Keeps looking at `file`. Throws InputError, one line beginning with `where`, if it is no zip file, is
  /// damaged or cut short, or holds two entries of one name, or one whose name is no printable text.
  NpzFile(std::span<const std::byte> file, std::string where);

  /// Names of the arrays (without .npy), in the file's order. Entries that are no NPY files by their names
  /// are left out. A name is a name, whatever path it looks like: nothing is ever unpacked.
  const std::vector<std::string>& keys() const { return keys_; }
  bool contains(std::string_view key) const;

  /// Memory grows with what really comes out. Throws InputError, one line beginning with `where` and the key,
  /// if there is no such array, it is damaged, no array that read_npy() takes, or promises more than a
  /// hundred times the bytes of the whole file (and more than 64 MiB): no data deflates so well.
  NpyArray read(std::string_view key) const;

 private:
  std::span<const std::byte> file_;
  std::string where_;
  std::vector<std::string> keys_;
};

}  // namespace gradzone
