// Checkpoints of PyTorch made by hand, byte by byte.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradzone::support {

/// A little-endian number, followed by zeros where it is wider than 8 bytes.
inline std::string number_bytes(std::uint64_t value, int width) {
  std::string out;
  for (int i = 0; i < width; ++i, value >>= 8) out += static_cast<char>(value);
  return out;
}

inline std::vector<std::byte> as_bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// Parts of a pickle.

inline std::string text_value(const std::string& text) {
  return "X" + number_bytes(text.size(), 4) + text;
}
inline std::string int_value(std::int64_t value) {
  return "\x8a\x08" + number_bytes(static_cast<std::uint64_t>(value), 8);
}
inline std::string tuple_value(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + "t";
}
inline std::string ints_value(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t v : values) items.push_back(int_value(v));
  return tuple_value(items);
}
inline std::string global_value(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string dict_value(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += text_value(key) + value;
  return out + "u";
}
inline std::string pickle_of(const std::string& value) {
  return "\x80\x02" + value + ".";
}

struct MadeTensor {
  std::string key = "0", type = "FloatStorage";
  std::int64_t count = 4, begin = 0;
  std::vector<std::int64_t> shape{4}, strides{1};
  std::string view = "";  ///< a value, in the legacy container
};
inline std::string tensor_value(const MadeTensor& t) {
  std::vector<std::string> id{text_value("storage"), global_value("torch", t.type), text_value(t.key),
                              text_value("cpu"), int_value(t.count)};
  if (!t.view.empty()) id.push_back(t.view);
  return global_value("torch._utils", "_rebuild_tensor_v2") +
         tuple_value({tuple_value(id) + "Q", int_value(t.begin), ints_value(t.shape), ints_value(t.strides),
                      "\x89", "}"}) +
         "R";
}

// Containers.

struct ZipEntry {
  std::string name, content;
  int method = 0, flags = 0;
  std::uint64_t more_bytes = 0;  ///< by which the entry claims to be longer than it is
  std::uint32_t crc_error = 0;
};
inline std::string zip_bytes(const std::vector<ZipEntry>& entries) {
  std::string out, directory;
  for (const ZipEntry& e : entries) {
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(e.content.data()), static_cast<uInt>(e.content.size()));
    const std::uint64_t size = e.content.size() + e.more_bytes;
    const std::string about = number_bytes(20, 2) + number_bytes(e.flags, 2) + number_bytes(e.method, 2) +
                              number_bytes(0, 4) + number_bytes(crc ^ e.crc_error, 4) +
                              number_bytes(size, 4) + number_bytes(size, 4) + number_bytes(e.name.size(), 2) +
                              number_bytes(0, 2);
    directory += "PK\x01\x02" + number_bytes(20, 2) + about + number_bytes(0, 10) +
                 number_bytes(out.size(), 4) + e.name;
    out += "PK\x03\x04" + about + e.name + e.content;
  }
  const std::string count = number_bytes(entries.size(), 2);
  return out + directory + "PK\x05\x06" + number_bytes(0, 4) + count + count +
         number_bytes(directory.size(), 4) + number_bytes(out.size(), 4) + number_bytes(0, 2);
}

struct MadeStorage {
  std::string key, content;
};
inline std::vector<ZipEntry> torch_entries(const std::string& value,
                                           const std::vector<MadeStorage>& storages) {
  std::vector<ZipEntry> out{{"net/data.pkl", pickle_of(value)}, {"net/version", "3\n"}};
  for (const MadeStorage& s : storages) out.push_back({"net/data/" + s.key, s.content});
  return out;
}

/// `size`: bytes of an element.
inline std::string legacy_bytes(const std::string& value, const std::vector<MadeStorage>& storages,
                                std::size_t size = 4) {
  std::string keys = "](", data;
  for (const MadeStorage& s : storages) {
    keys += text_value(s.key);
    data += number_bytes(s.content.size() / size, 8) + s.content;
  }
  return pickle_of("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickle_of("M\xe9\x03") +
         pickle_of(dict_value({{"little_endian", "\x88"}})) + pickle_of(value) + pickle_of(keys + "e") + data;
}

/// The bytes of 1, 2, 3, 4 in binary32.
inline const std::string four_floats("\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40", 16);

}  // namespace gradzone::support
