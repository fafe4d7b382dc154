#include "gradzone/io/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/printable.hpp"
#include "gradzone/io/stored_number.hpp"

namespace gradzone {
namespace {

using Json = nlohmann::json;

constexpr std::size_t length_bytes = 8;
constexpr int deepest_header = 3;  // the header, a tensor, its shape or offsets
constexpr Index largest_element_count = Index{1} << 40;
constexpr std::string_view metadata_key = "__metadata__";

constexpr StoredType all_stored_types[] = {StoredType::f64, StoredType::f32, StoredType::f16,
                                           StoredType::bf16, StoredType::i64};

void append(std::vector<std::byte>& out, std::uint64_t bits, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<std::byte>(bits >> (8 * i)));
}

/// What the header says of one tensor; offsets count from the first byte behind the header.
struct Entry {
  std::string name;
  StoredType stored = StoredType::f32;
  Shape shape;
  std::size_t begin = 0, end = 0;
};

class Parser {
 public:
  Parser(std::span<const std::byte> file, const std::string& where) : file_(file), where_(where) {}

  Checkpoint run() {
    const Json header = parse_header();
    Checkpoint out;
    std::vector<Entry> entries;
    for (const auto& [key, value] : header.items()) {
      if (key == metadata_key) {
        out.metadata = metadata(value);
      } else {
        entries.push_back(entry(key, value));
      }
    }
    check_coverage(entries);
    for (Entry& e : entries) out.tensors.push_back(tensor(std::move(e)));
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: not a valid safetensors file: {}", where_, what));
  }

  Json parse_header() {
    if (file_.size() < length_bytes) {
      fail(fmt::format("{} bytes, shorter than the {} of the header's length", file_.size(), length_bytes));
    }
    const std::uint64_t length = load_bits(file_.first(length_bytes));
    if (length > largest_safetensors_header) {
      fail(fmt::format("its header would be {} bytes long; at most {} are accepted", length,
                       largest_safetensors_header));
    }
    if (length > file_.size() - length_bytes) {
      fail(fmt::format("its header of {} bytes is cut short: the file has {} bytes", length, file_.size()));
    }
    const auto text = file_.subspan(length_bytes, length);
    data_ = file_.subspan(length_bytes + length);
    Json header = parse_json({reinterpret_cast<const char*>(text.data()), text.size()});
    if (!header.is_object()) fail("its header is not a JSON object");
    return header;
  }

  /// JSON of bounded depth in which no object repeats a key (the library would keep the last one silently).
  Json parse_json(std::string_view text) const {
    std::vector<std::set<std::string>> keys;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
      switch (event) {
        case Json::parse_event_t::object_start:
          keys.emplace_back();
          [[fallthrough]];
        case Json::parse_event_t::array_start:
          if (depth >= deepest_header) fail("its header is nested too deeply");
          break;
        case Json::parse_event_t::object_end:
          keys.pop_back();
          break;
        case Json::parse_event_t::key:
          if (const auto& key = parsed.get_ref<const std::string&>(); !keys.back().insert(key).second) {
            fail(fmt::format("its header has {} twice", printable(key)));
          }
          break;
        default:
          break;
      }
      return true;
    };
    try {
      return Json::parse(text, watch);
    } catch (const Json::parse_error& error) {
      fail(fmt::format("its header is not JSON (byte {} of the header)", error.byte));
    } catch (const Json::exception&) {
      fail("its header holds a number out of range");
    }
  }

  std::map<std::string, std::string> metadata(const Json& value) const {
    if (!value.is_object()) fail("its metadata is not an object");
    std::map<std::string, std::string> out;
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail(fmt::format("its metadata entry {} is not a string", printable(key)));
      out.emplace(key, text.get<std::string>());
    }
    return out;
  }

  Entry entry(const std::string& tensor_name, const Json& value) const {
    Entry e;
    e.name = tensor_name;
    if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
        !value.contains("data_offsets")) {
      fail(fmt::format("tensor {} needs dtype, shape and data_offsets, and nothing else",
                       printable(tensor_name)));
    }
    e.stored = stored_type(tensor_name, value["dtype"]);
    const std::vector<std::size_t> shape = numbers(tensor_name, "shape", value["shape"]);
    if (shape.size() > largest_tensor_rank) {
      fail(fmt::format("tensor {} has {} dimensions; at most {} are accepted", printable(tensor_name),
                       shape.size(), largest_tensor_rank));
    }
    for (const std::size_t d : shape) e.shape.push_back(static_cast<Index>(d));
    const std::vector<std::size_t> offsets = numbers(tensor_name, "data_offsets", value["data_offsets"]);
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_.size()) {
      fail(fmt::format("tensor {} lies outside the file's {} bytes of data; is the file cut short?",
                       printable(tensor_name), data_.size()));
    }
    e.begin = offsets[0];
    e.end = offsets[1];
    const Index count = checked_element_count(e.shape, largest_element_count,
                                              fmt::format("{}: tensor {}", where_, printable(e.name)));
    const std::size_t needed = static_cast<std::size_t>(count) * element_bytes(e.stored);
    if (needed != e.end - e.begin) {
      fail(fmt::format("tensor {} of shape {} and type {} needs {} bytes but has {}", printable(tensor_name),
                       to_string(e.shape), name(e.stored), needed, e.end - e.begin));
    }
    return e;
  }

  StoredType stored_type(const std::string& tensor_name, const Json& value) const {
    if (!value.is_string()) fail(fmt::format("tensor {}: dtype is not a string", printable(tensor_name)));
    const auto& text = value.get_ref<const std::string&>();
    for (const StoredType type : all_stored_types) {
      if (name(type) == text) return type;
    }
    fail(fmt::format("tensor {} has element type {}; F64, F32, F16, BF16 and I64 are read",
                     printable(tensor_name), printable(text)));
  }

  std::vector<std::size_t> numbers(const std::string& tensor_name, std::string_view key,
                                   const Json& value) const {
    const auto is_count = [](const Json& v) {
      return v.is_number_unsigned() && v.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
    };
    if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_count)) {
      fail(fmt::format("tensor {}: {} is not a list of non-negative whole numbers", printable(tensor_name),
                       key));
    }
    return value.get<std::vector<std::size_t>>();
  }

  /// Sorts the entries as they lie in the file; together they must cover the data exactly once.
  void check_coverage(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    std::size_t at = 0;
    for (const Entry& e : entries) {
      if (e.begin < at) fail(fmt::format("tensor {} overlaps the one before it", printable(e.name)));
      if (e.begin > at) {
        fail(fmt::format("{} bytes before tensor {} belong to no tensor", e.begin - at, printable(e.name)));
      }
      at = e.end;
    }
    if (at != data_.size()) fail(fmt::format("{} bytes at the end belong to no tensor", data_.size() - at));
  }

  NamedTensor tensor(Entry e) const {
    const std::size_t width = element_bytes(e.stored);
    const auto bytes = data_.subspan(e.begin, e.end - e.begin);
    NamedTensor out{std::move(e.name), e.stored, Tensor<double>(std::move(e.shape))};
    for (std::size_t i = 0; i < out.values.data.size(); ++i) {
      const double value = decode_number(e.stored, load_bits(bytes.subspan(i * width, width)));
      if (e.stored == StoredType::i64 && std::abs(value) > largest_exact_integer) {
        fail(fmt::format("tensor {}: entry {} exceeds 2^53", printable(out.name), i));
      }
      out.values.data[i] = value;
    }
    return out;
  }

  std::span<const std::byte> file_;
  std::span<const std::byte> data_;
  const std::string& where_;
};

}  // namespace

std::string_view name(StoredType type) {
  switch (type) {
    case StoredType::f64:
      return "F64";
    case StoredType::f32:
      return "F32";
    case StoredType::f16:
      return "F16";
    case StoredType::bf16:
      return "BF16";
    case StoredType::i64:
      return "I64";
  }
  return "?";
}

Checkpoint parse_safetensors(std::span<const std::byte> file, const std::string& where) {
  return Parser(file, where).run();
}

Checkpoint read_safetensors(const std::filesystem::path& path) {
  return parse_safetensors(read_file(path, largest_safetensors_file), path.string());
}

std::vector<std::byte> safetensors_bytes(const Checkpoint& checkpoint) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& t : checkpoint.tensors) order.push_back(&t);
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return element_bytes(a->stored) > element_bytes(b->stored);
  });

  Json header = Json::object();
  if (!checkpoint.metadata.empty()) header[std::string(metadata_key)] = checkpoint.metadata;
  std::size_t at = 0;
  for (const NamedTensor* t : order) {
    const std::size_t end = at + t->values.data.size() * element_bytes(t->stored);
    header[t->name] = {{"dtype", name(t->stored)}, {"shape", t->values.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data starts at a multiple of 8 bytes

  std::vector<std::byte> out;
  out.reserve(length_bytes + text.size() + at);
  append(out, text.size(), length_bytes);
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
  for (const NamedTensor* t : order) {
    for (const double v : t->values.data) append(out, encode_number(t->stored, v), element_bytes(t->stored));
  }
  return out;
}

void write_safetensors(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  write_file_atomically(path, std::span<const std::byte>(safetensors_bytes(checkpoint)));
}

}  // namespace gradzone
