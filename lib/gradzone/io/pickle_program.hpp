// The bytes of a pickle, taken one operand after the other.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gradzone/base/error.hpp"
#include "gradzone/io/pickle_opcodes.hpp"
#include "gradzone/io/stored_number.hpp"

namespace gradzone {

class PickleProgram {
 public:
  PickleProgram(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  const std::string& where() const { return where_; }
  /// Bytes taken.
  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: not a pickle that can be read: {}", where_, what));
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > left()) fail(fmt::format("it is cut short at byte {}", bytes_.size()));
    const auto out = bytes_.subspan(at_, count);
    at_ += count;
    return out;
  }
  std::uint64_t take_number(std::size_t width) { return load_bits(take(width)); }
  PickleOp take_operation() { return static_cast<PickleOp>(take_number(1)); }
  std::string_view take_text(std::uint64_t count) {
    const auto taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  /// The text whose length comes before it, in so many bytes.
  std::string_view take_counted_text(std::size_t width) { return take_text(take_number(width)); }
  std::string_view take_line() {
    const auto rest = bytes_.subspan(at_);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    const std::string_view line = take_text(static_cast<std::size_t>(end - rest.begin()));
    take(1);
    return line;
  }
  void take_protocol() {
    constexpr std::uint64_t oldest = 2, newest = 5;
    const std::uint64_t protocol = take_number(1);
    if (protocol < oldest || protocol > newest)
      fail(fmt::format("it has protocol {}; {} to {} are read", protocol, oldest, newest));
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace gradzone
