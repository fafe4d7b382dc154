// The two containers of torch.save: a zip archive (since PyTorch 1.6) and, before, one stream of pickles and
// numbers. Both hold a pickle and the bytes of the storages that it names.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gradzone/io/pickle.hpp"

namespace gradzone {

class TorchArchive {
 public:
  TorchArchive() = default;
  TorchArchive(const TorchArchive&) = delete;
  TorchArchive& operator=(const TorchArchive&) = delete;
  virtual ~TorchArchive() = default;

  /// "pytorch zip" or "pytorch legacy".
  virtual std::string_view format() const = 0;
  virtual const Pickle& pickle() const = 0;
  /// The bytes of a storage, valid as long as the archive. Throws InputError, one line, if there is none.
  virtual std::span<const std::byte> storage(std::string_view key) = 0;
};

/// Whether a file begins as one of the two.
bool is_torch_zip(std::span<const std::byte> file);
bool is_torch_legacy(std::span<const std::byte> file);

/// Opens a file in memory, which must live as long as the archive. Throws InputError, one line beginning with
/// `where`, for what is not such a file: cut short, compressed, encrypted, entries of one name or larger than
/// the file, numbers of big-endian machines, TorchScript.
std::unique_ptr<TorchArchive> open_torch_zip(std::span<const std::byte> file, const std::string& where);
std::unique_ptr<TorchArchive> open_torch_legacy(std::span<const std::byte> file, const std::string& where);

}  // namespace gradzone
