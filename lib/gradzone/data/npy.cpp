#include "gradzone/data/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <numeric>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

static_assert(std::endian::native == std::endian::little);

[[noreturn]] void fail(const std::string& where, std::string_view what) {
  throw InputError(fmt::format("{}: not a NPY file that can be read: {}", where, what));
}

struct Header {
  Shape shape;
  std::string type;
  bool by_columns = false;

  std::size_t element_bytes() const { return static_cast<std::size_t>(type[1] - '0'); }
};

/// Reads the header, a dictionary in Python's notation with the keys descr, fortran_order and shape.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  Header read() {
    Header out;
    expect('{');
    while (!skip('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        out.type = type(quoted());
      } else if (key == "fortran_order") {
        out.by_columns = skip_word("True");
        if (!out.by_columns && !skip_word("False")) fail(where_, "its header is damaged");
      } else if (key == "shape") {
        out.shape = shape();
      } else {
        fail(where_, fmt::format("unknown key {} in its header", key));
      }
      if (!skip(',') && !at('}')) fail(where_, "its header is damaged");
    }
    if (out.type.empty()) fail(where_, "its header names no type");
    return out;
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
  }
  bool at(char c) {
    skip_spaces();
    return !rest_.empty() && rest_[0] == c;
  }
  bool skip(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!skip(c)) fail(where_, "its header is damaged");
  }
  bool skip_word(std::string_view word) {
    skip_spaces();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  std::string_view quoted() {
    expect('\'');
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) fail(where_, "its header is damaged");
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return out;
  }
  std::string type(std::string_view descr) {
    static constexpr std::string_view known[] = {"|b1", "|u1", "|i1", "<u2", "<i2", "<u4",
                                                 "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"};
    if (descr.starts_with('>'))
      fail(where_, fmt::format("its elements are of type {}, big-endian; save array.astype(\"<{}\")", descr,
                               descr.substr(1)));
    if (std::find(std::begin(known), std::end(known), descr) == std::end(known))
      fail(where_, fmt::format("its elements are of type {}", descr));
    return std::string(descr.substr(1));
  }
  Shape shape() {
    Shape out;
    expect('(');
    while (!skip(')')) {
      skip_spaces();
      Index n = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), n);
      if (error != std::errc() || n < 0 || out.size() == largest_npy_rank) fail(where_, "its shape is wrong");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      out.push_back(n);
      if (!skip(',') && !at(')')) fail(where_, "its shape is wrong");
    }
    return out;
  }

  std::string_view rest_;
  const std::string& where_;
};

/// Takes a file from its source piece by piece.
class Reader {
 public:
  Reader(const ByteSource& source, const std::string& where) : source_(source), where_(where) {}

  Header header() {
    std::array<std::byte, 12> start;
    if (source_(std::span(start).first(10)) < 10 || std::memcmp(start.data(), "\x93NUMPY", 6) != 0)
      fail(where_, "it does not begin as one");
    const auto at = [&](std::size_t i) { return std::to_integer<std::size_t>(start[i]); };
    if (at(6) < 1 || at(6) > 3) fail(where_, fmt::format("its version is {}.{}", at(6), at(7)));
    std::size_t length = at(8) | at(9) << 8;
    if (at(6) > 1) {
      if (source_(std::span(start).subspan(10)) < 2) fail(where_, "it is cut short");
      length |= at(10) << 16 | at(11) << 24;
    }
    if (length > largest_header) fail(where_, fmt::format("its header has {} bytes", length));
    std::string text(length, '\0');
    if (source_(std::as_writable_bytes(std::span(text))) < length) fail(where_, "it is cut short");
    return HeaderReader(text, where_).read();
  }

  /// All bytes up to the end, which must be `size`.
  std::vector<std::byte> values(const Header& header, std::size_t size) {
    std::vector<std::byte> out;
    const auto fail_with = [&](std::string_view what) {
      fail(where_, fmt::format("shape {} of {} needs {} bytes, there are {}", to_string(header.shape),
                               header.type, size, what));
    };
    while (out.size() < size) {
      const std::size_t filled = out.size();
      out.resize(std::min(size, std::max(2 * filled, first_piece)));
      const std::size_t came = source_(std::span(out).subspan(filled));
      if (filled + came < out.size()) fail_with(fmt::format("{}", filled + came));
    }
    std::byte beyond;
    if (source_(std::span(&beyond, 1)) > 0) fail_with("more");
    return out;
  }

 private:
  static constexpr std::size_t largest_header = std::size_t{1} << 20, first_piece = std::size_t{1} << 20;

  const ByteSource& source_;
  const std::string& where_;
};

/// Elements of `out` in their order, each from where strides lead in `in`.
template <std::size_t size>
void gather(const std::byte* in, const std::array<Index, largest_npy_rank>& shape,
            const std::array<Index, largest_npy_rank>& strides, std::byte* out) {
  for (Index a = 0; a < shape[0]; ++a)
    for (Index b = 0; b < shape[1]; ++b)
      for (Index c = 0; c < shape[2]; ++c) {
        const std::byte* from =
            in + static_cast<Index>(size) * (a * strides[0] + b * strides[1] + c * strides[2]);
        for (Index d = 0; d < shape[3]; ++d, out += size)
          std::memcpy(out, from + static_cast<Index>(size) * d * strides[3], size);
      }
}

}  // namespace

NpyArray transposed(const NpyArray& array, const std::vector<std::size_t>& axes) {
  NpyArray out{{}, array.type, std::vector<std::byte>(array.values.size())};
  std::array<Index, largest_npy_rank> shape, strides{};
  shape.fill(1);
  const std::size_t rank = axes.size(), first = largest_npy_rank - rank;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto from = array.shape.begin() + static_cast<std::ptrdiff_t>(axes[i]);
    out.shape.push_back(*from);
    shape[first + i] = *from;
    strides[first + i] = std::accumulate(from + 1, array.shape.end(), Index{1}, std::multiplies<>());
  }
  const auto with_size = [&](auto gather_of_size) {
    gather_of_size(array.values.data(), shape, strides, out.values.data());
  };
  switch (array.type[1]) {
    case '1':
      with_size(gather<1>);
      break;
    case '2':
      with_size(gather<2>);
      break;
    case '4':
      with_size(gather<4>);
      break;
    default:
      with_size(gather<8>);
  }
  return out;
}

NpyArray read_npy(const ByteSource& source, std::size_t most, const std::string& where) {
  Reader reader(source, where);
  const Header header = reader.header();
  const auto most_elements = static_cast<Index>(most / header.element_bytes());
  const auto count = static_cast<std::size_t>(checked_element_count(header.shape, most_elements, where));
  NpyArray out{header.shape, header.type, reader.values(header, count * header.element_bytes())};
  if (!header.by_columns || out.values.empty()) return out;
  // What lies there by columns is the transposed array by rows.
  std::vector<std::size_t> axes(out.shape.size());
  std::iota(axes.rbegin(), axes.rend(), std::size_t{0});
  std::reverse(out.shape.begin(), out.shape.end());
  return transposed(out, axes);
}

NpyArray parse_npy(std::span<const std::byte> file, const std::string& where) {
  const auto source = [rest = file](std::span<std::byte> out) mutable {
    const auto piece = rest.first(std::min(rest.size(), out.size()));
    std::copy(piece.begin(), piece.end(), out.begin());
    rest = rest.subspan(piece.size());
    return piece.size();
  };
  return read_npy(source, largest_npy, where);
}

}  // namespace gradzone
