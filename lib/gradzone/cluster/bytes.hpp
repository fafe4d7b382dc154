// Values as bytes, between processes of one program on machines of one kind.
#pragma once

#include <cassert>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gradzone {

template <class T>
concept PlainValue = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class ByteWriter {
 public:
  template <PlainValue T>
  ByteWriter& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  ByteWriter& put(std::string_view text) {
    put(text.size());
    bytes_ += text;
    return *this;
  }
  template <PlainValue T>
  ByteWriter& put(const std::vector<T>& values) {
    put(values.size());
    for (const T value : values) put(value);
    return *this;
  }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads in the order of writing. Precondition: that is what the bytes are.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <PlainValue T>
  void get(T& value) {
    assert(bytes_.size() >= sizeof value);
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
  }
  void get(std::string& text) {
    const auto size = get<std::size_t>();
    assert(bytes_.size() >= size);
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
  }
  template <PlainValue T>
  void get(std::vector<T>& values) {
    values.resize(get<std::size_t>());
    for (T& value : values) get(value);
  }
  template <class T>
  T get() {
    T value{};
    get(value);
    return value;
  }
  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

}  // namespace gradzone
