#include "gradzone/data/idx.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/gzip.hpp"

namespace gradzone {
namespace {

constexpr std::size_t magic_bytes = 4;
constexpr std::size_t dimension_bytes = 4;
constexpr std::size_t longest_header = magic_bytes + dimension_bytes * largest_idx_rank;
constexpr unsigned unsigned_byte = 0x08;

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw InputError(fmt::format("{}: not a valid IDX file: {}", where, what));
}

/// The dimensions, from the file's first bytes.
Shape parse_header(std::span<const std::byte> head, const std::string& where) {
  if (head.size() < magic_bytes) fail(where, fmt::format("{} bytes are no header", head.size()));
  const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(head[i]); };
  if (at(0) != 0 || at(1) != 0)
    fail(where, fmt::format("it begins with {:02x} {:02x}, not 00 00", at(0), at(1)));
  if (at(2) != unsigned_byte) {
    fail(where, fmt::format("its element type is {:02x}; only unsigned bytes (08) are read", at(2)));
  }
  const std::size_t rank = at(3);
  if (rank < 1 || rank > largest_idx_rank) {
    fail(where, fmt::format("it has {} dimensions; 1 ... {} are accepted", rank, largest_idx_rank));
  }
  if (head.size() < magic_bytes + rank * dimension_bytes) fail(where, "it ends inside its dimensions");
  Shape shape;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::size_t i = magic_bytes + d * dimension_bytes;
    shape.push_back(static_cast<Index>(at(i) << 24 | at(i + 1) << 16 | at(i + 2) << 8 | at(i + 3)));
  }
  return shape;
}

}  // namespace

IdxArray parse_idx(std::span<const std::byte> file, const std::string& where) {
  const bool packed = is_gzip(file);
  std::vector<std::byte> unpacked;
  const auto first_bytes = [&](std::size_t count) -> std::span<const std::byte> {
    if (!packed) return file.first(std::min(count, file.size()));
    unpacked = gunzip_at_most(file, count, where);
    return unpacked;
  };

  IdxArray out{parse_header(first_bytes(longest_header), where), {}};
  const std::size_t header = magic_bytes + dimension_bytes * out.shape.size();
  const auto count = static_cast<std::size_t>(checked_element_count(out.shape, largest_idx_array, where));
  // One byte more than there should be tells an exact fit from an excess, and makes gzip check its checksum.
  const auto all = first_bytes(header + count + 1);
  if (all.size() < header + count) {
    fail(where, fmt::format("cut short: shape {} needs {} bytes, there are {}", to_string(out.shape), count,
                            all.size() - header));
  }
  if (all.size() > header + count)
    fail(where, fmt::format("more data than its shape {} needs", to_string(out.shape)));
  out.values.resize(count);
  std::transform(all.begin() + static_cast<std::ptrdiff_t>(header), all.end(), out.values.begin(),
                 [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  return out;
}

IdxArray read_idx(const std::filesystem::path& path) {
  constexpr std::size_t largest_file = static_cast<std::size_t>(largest_idx_array) + longest_header;
  return parse_idx(read_file(path, largest_file), path.string());
}

}  // namespace gradzone
