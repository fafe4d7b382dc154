// safetensors files: 8 bytes little-endian header length, a JSON header, then the tensors' bytes without gaps
// (github.com/huggingface/safetensors, "Format"). Files come from strangers: nothing in them is believed
// unchecked.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Element types that are read and written; i64 is there for batch norm's num_batches_tracked.
enum class StoredType { f64, f32, f16, bf16, i64 };

/// "F64", "F32", "F16", "BF16", "I64", as in the header.
std::string_view name(StoredType type);

/// A tensor as a file holds it; `values` equal the stored numbers exactly (NaN and infinity included).
struct NamedTensor {
  std::string name;
  StoredType stored = StoredType::f32;
  Tensor<double> values;
};

struct Checkpoint {
  std::vector<NamedTensor> tensors;  ///< in the order of their bytes in the file; names are unique
  std::map<std::string, std::string> metadata;
};

/// Limits of what is accepted; larger is an InputError.
inline constexpr std::size_t largest_safetensors_header = std::size_t{16} << 20;
inline constexpr std::size_t largest_safetensors_file = std::size_t{4} << 30;
inline constexpr std::size_t largest_tensor_rank = 16;

/// Reads a file's bytes. Throws InputError, one line beginning with `where`, if the header is longer than the
/// file or its limit, is not the JSON it should be (syntax, depth, repeated keys, types), or describes
/// tensors that overlap, leave gaps, reach outside the file or disagree with their shape; and for element
/// types other than StoredType's and i64 values beyond 2^53.
Checkpoint parse_safetensors(std::span<const std::byte> file, const std::string& where);
/// The same for a file on disk, `where` being its path.
Checkpoint read_safetensors(const std::filesystem::path& path);

/// The bytes of a file with these tensors, each value rounded to nearest even into its stored type, in the
/// given order except that wider element types come first, which keeps every tensor aligned. Precondition:
/// names are unique; i64 values are whole numbers.
std::vector<std::byte> safetensors_bytes(const Checkpoint& checkpoint);
/// Writes them atomically; errors as write_file_atomically.
void write_safetensors(const std::filesystem::path& path, const Checkpoint& checkpoint);

}  // namespace gradzone
