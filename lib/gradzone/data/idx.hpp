// IDX files, the format of MNIST: 00 00, element type, number of dimensions, the dimensions (big-endian, 32
// bits), the elements, row-major. Plain or gzip-compressed, told apart by their first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// An array of 8-bit numbers.
struct IdxArray {
  Shape shape;
  std::vector<std::uint8_t> values;
};

/// Limits of what is accepted; larger is an InputError.
inline constexpr Index largest_idx_array = Index{1} << 30;
inline constexpr std::size_t largest_idx_rank = 4;

/// Throws InputError, one line beginning with `where`, if this is not an IDX file of unsigned bytes, or is
/// shorter or longer than its dimensions say. A compressed file is never inflated beyond what its dimensions
/// say.
IdxArray parse_idx(std::span<const std::byte> file, const std::string& where);
/// The same for a file on disk, `where` being its path.
IdxArray read_idx(const std::filesystem::path& path);

}  // namespace gradzone
