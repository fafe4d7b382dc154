// Arrays in NumPy's file format, and data sets made of them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/data/dataset.hpp"

namespace gradzone {

/// An array as it lies in the file: row-major, little-endian.
struct NpyArray {
  Shape shape;
  std::string type;  ///< "u1", "i8", "f4", ...: kind (b, i, u, f) and bytes of an element
  std::vector<std::byte> values;
};

/// Larger files are an InputError.
inline constexpr std::size_t largest_npy = std::size_t{1} << 34;
inline constexpr std::size_t largest_npy_rank = 4;

/// Format versions 1 to 3. Throws InputError, one line beginning with `where`, if this is no NPY file, is
/// column-major, big-endian or of other types than numbers, has more than four dimensions, or is shorter or
/// longer than its header says.
NpyArray parse_npy(std::span<const std::byte> file, const std::string& where);

/// `folder` holds SPLIT_images.npy and SPLIT_labels.npy, SPLIT being "train" or "test". Images are [n, h, w]
/// or [n, c, h, w]; 8-bit ones (u1) come under symmetric_unit_transform(), binary32 ones (f4) are the
/// network's input as they are, and black is 0. Labels are integers of any type in [0, classes). Throws
/// InputError naming the file that is missing or wrong.
Dataset load_npy(const std::filesystem::path& folder, std::string_view split, int classes);

}  // namespace gradzone
