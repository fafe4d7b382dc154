// Arrays in NumPy's file format.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// An array in memory: row-major, little-endian.
struct NpyArray {
  Shape shape;
  std::string type;  ///< "u1", "i8", "f4", ...: kind (b, i, u, f) and bytes of an element
  std::vector<std::byte> values;
};

/// Larger files are an InputError, and so are larger arrays.
inline constexpr std::size_t largest_npy = std::size_t{1} << 34;
inline constexpr std::size_t largest_npy_rank = 4;

/// Fills `out` with the next bytes and returns how many came: fewer only where the file ends.
using ByteSource = std::function<std::size_t(std::span<std::byte> out)>;

/// Format versions 1 to 3; arrays that are stored column by column (Fortran order) are put in rows. Memory
/// grows with the bytes that really come, never with what the header promises, and no byte behind the
/// promised ones but one is asked for. Throws InputError, one line beginning with `where`, if this is no NPY
/// file, is big-endian or of other types than numbers, has more than four dimensions, promises more than
/// `most` bytes, or is shorter or longer than it promises.
NpyArray read_npy(const ByteSource& source, std::size_t most, const std::string& where);

/// The same of a file in memory.
NpyArray parse_npy(std::span<const std::byte> file, const std::string& where);

/// As numpy.transpose: dimension i of the result is dimension axes[i] of `array`. Precondition: `axes` is a
/// permutation of its dimensions, and there are elements.
NpyArray transposed(const NpyArray& array, const std::vector<std::size_t>& axes);

}  // namespace gradzone
