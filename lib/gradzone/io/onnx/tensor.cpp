#include "gradzone/io/onnx/tensor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <fstream>

#include "gradzone/base/error.hpp"
#include "gradzone/io/onnx/model_file.hpp"
#include "gradzone/io/stored_number.hpp"

namespace gradzone {
namespace {

using Proto = onnx::TensorProto;
static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr Index largest_tensor = Index{1} << 31;
constexpr std::size_t most_integers = 1000;

StoredType stored_type_of(int type) {
  switch (type) {
    case Proto::DOUBLE:
      return StoredType::f64;
    case Proto::FLOAT16:
      return StoredType::f16;
    case Proto::BFLOAT16:
      return StoredType::bf16;
    default:
      return StoredType::f32;
  }
}

void decode_raw(StoredType stored, std::span<const std::byte> bytes, std::vector<double>& out) {
  const std::size_t width = element_bytes(stored);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = decode_number(stored, load_bits(bytes.subspan(i * width, width)));
}

/// The typed field of the message: numbers that are not in raw_data.
std::size_t typed_count(const Proto& t) {
  switch (t.data_type()) {
    case Proto::DOUBLE:
      return static_cast<std::size_t>(t.double_data_size());
    case Proto::FLOAT:
      return static_cast<std::size_t>(t.float_data_size());
    default:
      return static_cast<std::size_t>(t.int32_data_size());
  }
}

void decode_typed(const Proto& t, StoredType stored, std::vector<double>& out) {
  if (stored == StoredType::f64) {
    std::copy(t.double_data().begin(), t.double_data().end(), out.begin());
  } else if (stored == StoredType::f32) {
    std::copy(t.float_data().begin(), t.float_data().end(), out.begin());
  } else {
    std::transform(t.int32_data().begin(), t.int32_data().end(), out.begin(), [&](std::int32_t bits) {
      return decode_number(stored, static_cast<std::uint16_t>(bits));
    });
  }
}

}  // namespace

void OnnxTensors::fail(const std::string& tensor, const std::string& what) const {
  throw InputError(fmt::format("{}: tensor {}: {}", where_, printable_name(tensor), what));
}

Shape OnnxTensors::shape(const Proto& tensor) const {
  Shape out(tensor.dims().begin(), tensor.dims().end());
  if (out.size() > largest_tensor_rank) fail(tensor.name(), "has too many dimensions");
  checked_element_count(out, largest_tensor,
                        fmt::format("{}: tensor {}", where_, printable_name(tensor.name())));
  return out;
}

bool OnnxTensors::is_float(const Proto& tensor) {
  const int type = tensor.data_type();
  return type == Proto::FLOAT || type == Proto::DOUBLE || type == Proto::FLOAT16 || type == Proto::BFLOAT16;
}

NamedTensor OnnxTensors::numbers(const Proto& tensor, const std::string& name) const {
  if (!is_float(tensor))
    fail(name, fmt::format("has elements of type {}; FLOAT, DOUBLE, FLOAT16 and BFLOAT16 are read",
                           Proto::DataType_Name(tensor.data_type())));
  if (tensor.has_segment()) fail(name, "comes in segments, which are not read");
  const StoredType stored = stored_type_of(tensor.data_type());
  const std::size_t width = element_bytes(stored);
  NamedTensor out{name, stored, {}};
  const Shape dims = shape(tensor);
  const auto count = static_cast<std::size_t>(element_count(dims));
  const bool external = tensor.data_location() == Proto::EXTERNAL;
  const bool raw = external || tensor.has_raw_data();
  const std::size_t held = external                ? count
                           : tensor.has_raw_data() ? tensor.raw_data().size() / width
                                                   : typed_count(tensor);
  if (held != count || (tensor.has_raw_data() && tensor.raw_data().size() % width != 0))
    fail(name, fmt::format("holds {} numbers, but its shape {} has {}", held, to_string(dims), count));
  std::vector<std::byte> beside;
  if (external) beside = external_bytes(tensor, count * width);
  out.values = Tensor<double>(dims);
  if (raw) {
    decode_raw(stored,
               external ? std::span<const std::byte>(beside) : std::as_bytes(std::span(tensor.raw_data())),
               out.values.data);
  } else {
    decode_typed(tensor, stored, out.values.data);
  }
  return out;
}

std::vector<Index> OnnxTensors::integers(const Proto& tensor) const {
  const bool wide = tensor.data_type() == Proto::INT64;
  if (!wide && tensor.data_type() != Proto::INT32) fail(tensor.name(), "must hold integers");
  const auto count = static_cast<std::size_t>(element_count(shape(tensor)));
  if (count > most_integers) fail(tensor.name(), "holds more integers than shapes and axes need");
  std::vector<Index> out(count);
  const std::size_t bytes = wide ? 8 : 4;
  if (tensor.has_raw_data() && tensor.raw_data().size() == count * bytes) {
    for (std::size_t i = 0; i < count; ++i) {
      std::int64_t value = 0;
      std::memcpy(&value, tensor.raw_data().data() + i * bytes, bytes);
      out[i] = wide ? value : static_cast<std::int32_t>(value);
    }
  } else if (wide && static_cast<std::size_t>(tensor.int64_data_size()) == count) {
    std::copy(tensor.int64_data().begin(), tensor.int64_data().end(), out.begin());
  } else if (!wide && static_cast<std::size_t>(tensor.int32_data_size()) == count) {
    std::copy(tensor.int32_data().begin(), tensor.int32_data().end(), out.begin());
  } else {
    fail(tensor.name(), fmt::format("does not hold the {} integers of its shape", count));
  }
  return out;
}

std::vector<std::byte> OnnxTensors::external_bytes(const Proto& tensor, std::size_t wanted) const {
  std::string location;
  std::uint64_t offset = 0, length = wanted;
  for (const auto& entry : tensor.external_data()) {
    const auto number = [&](std::uint64_t& value) {
      const char* end = entry.value().data() + entry.value().size();
      const auto [stop, error] = std::from_chars(entry.value().data(), end, value);
      if (error != std::errc() || stop != end)
        fail(tensor.name(), fmt::format("external data: {} is no number", printable_name(entry.key())));
    };
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") number(offset);
    if (entry.key() == "length") number(length);
  }
  if (length != wanted)
    fail(tensor.name(), fmt::format("external data: {} bytes, but its shape needs {}", length, wanted));
  const std::filesystem::path path = external_path(tensor, location);
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error || !std::filesystem::is_regular_file(path, error))
    fail(tensor.name(), fmt::format("external data: there is no file {}", printable_name(path.string())));
  if (offset > size || wanted > size - offset)
    fail(tensor.name(), fmt::format("external data: bytes {} to {} of {}, which has {}", offset,
                                    offset + wanted, printable_name(path.string()), size));
  std::vector<std::byte> out(wanted);
  std::ifstream in(path, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(wanted));
  if (!in) fail(tensor.name(), fmt::format("external data: cannot read {}", printable_name(path.string())));
  return out;
}

/// The file, which must lie in the model's folder whatever its name says and wherever links lead.
std::filesystem::path OnnxTensors::external_path(const Proto& tensor, const std::string& location) const {
  const std::filesystem::path relative(location);
  const bool climbs =
      std::any_of(relative.begin(), relative.end(), [](const auto& part) { return part == ".."; });
  std::error_code error;
  const auto base = std::filesystem::weakly_canonical(folder_.empty() ? "." : folder_, error);
  const auto whole = std::filesystem::weakly_canonical(base / relative, error);
  const auto [end, unused] = std::mismatch(base.begin(), base.end(), whole.begin(), whole.end());
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() || climbs ||
      error || end != base.end())
    fail(tensor.name(),
         fmt::format("external data: \"{}\" is not a file in the model's folder; gradzone reads "
                     "no other",
                     printable_name(location)));
  return whole;
}

}  // namespace gradzone
