#include "gradzone/io/checkpoint_file.hpp"

#include <fmt/format.h>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/stored_number.hpp"
#include "gradzone/io/torch_checkpoint.hpp"

namespace gradzone {
namespace {

using namespace std::string_view_literals;

/// The beginnings of files that are taken for checkpoints, too.
struct Other {
  std::string_view begin, name;
};
constexpr Other others[] = {
    {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras)"},
    {"\x93NUMPY"sv, "a NPY file"},
    {"\x1f\x8b"sv, "a gzip file"},
    {"GGUF"sv, "a GGUF file"},
};

/// A header's length, then the header: its first byte decides, as a length may begin like a pickle.
bool is_safetensors(std::span<const std::byte> file) {
  constexpr std::size_t length_bytes = 8;
  return file.size() > length_bytes && load_bits(file.first(length_bytes)) <= largest_safetensors_header &&
         file[length_bytes] == std::byte{'{'};
}

/// Protobuf that begins with a small number in field 1, the version of ONNX's format.
bool is_onnx(std::span<const std::byte> file) {
  constexpr std::byte field_1{0x08}, first{3}, last{20};
  return file.size() > 2 && file[0] == field_1 && file[1] >= first && file[1] <= last;
}

}  // namespace

Checkpoint parse_checkpoint(std::span<const std::byte> file, const std::string& where) {
  if (is_safetensors(file)) return parse_safetensors(file, where);
  if (is_torch_file(file)) return parse_torch(file, where);
  if (is_onnx(file))
    throw InputError(
        fmt::format("{}: it looks like an ONNX file, which holds its network, too: give it a name that "
                    "ends in .onnx, and no NET: before it",
                    where));
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  for (const Other& other : others) {
    if (text.starts_with(other.begin))
      throw InputError(fmt::format(
          "{}: it is {}; checkpoints are safetensors files or PyTorch's torch.save(model.state_dict(), PATH)",
          where, other.name));
  }
  return parse_safetensors(file, where);
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  return parse_checkpoint(read_file(path, largest_checkpoint_file), path.string());
}

}  // namespace gradzone
