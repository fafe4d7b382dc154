#include "gradzone/data/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"

namespace gradzone {
namespace {

static_assert(std::endian::native == std::endian::little);

[[noreturn]] void fail(const std::string& where, std::string_view what) {
  throw InputError(fmt::format("{}: not a NPY file that can be read: {}", where, what));
}

/// Reads the header, a dictionary in Python's notation with the keys descr, fortran_order and shape.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  NpyArray read() {
    NpyArray out;
    expect('{');
    while (!skip('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        out.type = type(quoted());
      } else if (key == "fortran_order") {
        if (!skip_word("False")) fail(where_, "it is column-major; save it with numpy.ascontiguousarray");
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

/// Images in memory that are the network's input as they are.
class ValuesInMemory final : public ImageSource {
 public:
  ValuesInMemory(std::vector<float> values, std::size_t image_size)
      : values_(std::move(values)), image_size_(image_size) {}

  void values(Index image, std::span<float> out) const override {
    const auto from = values_of(image);
    std::copy(from.begin(), from.end(), out.begin());
  }
  /// Stretched so that the least value is black and the largest one white.
  std::vector<std::uint8_t> pixels(Index image) const override {
    const auto from = values_of(image);
    const auto [least, most] = std::minmax_element(from.begin(), from.end());
    const double low = *least, range = std::max(*most - low, std::numeric_limits<double>::min());
    std::vector<std::uint8_t> out;
    for (const float v : from) out.push_back(static_cast<std::uint8_t>((v - low) / range * 255 + 0.5));
    return out;
  }
  float black(Index) const override { return 0; }
  void hash_transform(Sha256& hash) const override { hash.update("binary32 "); }
  void hash_images(Sha256& hash) const override { hash.update(std::as_bytes(std::span(values_))); }

 private:
  std::span<const float> values_of(Index image) const {
    return std::span(values_).subspan(static_cast<std::size_t>(image) * image_size_, image_size_);
  }

  std::vector<float> values_;
  std::size_t image_size_;
};

template <class T>
std::vector<T> elements(const NpyArray& array) {
  std::vector<T> out(array.values.size() / sizeof(T));
  std::memcpy(out.data(), array.values.data(), out.size() * sizeof(T));
  return out;
}

template <class T>
std::vector<int> narrowed(const NpyArray& array) {
  std::vector<int> out;
  for (const T v : elements<T>(array)) {
    const bool fits = std::in_range<int>(v);  // what does not is no label either way
    out.push_back(fits ? static_cast<int>(v) : -1);
  }
  return out;
}

std::vector<int> labels_of(const NpyArray& array, Index images, const std::string& where) {
  if (array.shape != Shape{images})
    throw InputError(
        fmt::format("{}: shape {}, but there are {} images", where, to_string(array.shape), images));
  if (array.type == "u1") return narrowed<std::uint8_t>(array);
  if (array.type == "i1") return narrowed<std::int8_t>(array);
  if (array.type == "u2") return narrowed<std::uint16_t>(array);
  if (array.type == "i2") return narrowed<std::int16_t>(array);
  if (array.type == "u4") return narrowed<std::uint32_t>(array);
  if (array.type == "i4") return narrowed<std::int32_t>(array);
  if (array.type == "u8") return narrowed<std::uint64_t>(array);
  if (array.type == "i8") return narrowed<std::int64_t>(array);
  throw InputError(fmt::format("{}: elements of type {} are no labels", where, array.type));
}

std::shared_ptr<const ImageSource> images_of(const NpyArray& array, std::size_t image_size,
                                             const std::string& where) {
  if (array.type == "u1")
    return std::make_shared<PixelsInMemory>(elements<std::uint8_t>(array), image_size,
                                            std::vector{symmetric_unit_transform()});
  if (array.type != "f4")
    throw InputError(fmt::format("{}: images are of type u1 or f4, not {}", where, array.type));
  std::vector<float> values = elements<float>(array);
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end())
    throw InputError(fmt::format("{}: element {} is not finite", where, bad - values.begin()));
  return std::make_shared<ValuesInMemory>(std::move(values), image_size);
}

NpyArray read(const std::filesystem::path& path) {
  return parse_npy(read_file(path, largest_npy), path.string());
}

}  // namespace

NpyArray parse_npy(std::span<const std::byte> file, const std::string& where) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with("\x93NUMPY") || text.size() < 10) fail(where, "it does not begin as one");
  const auto at = [&](std::size_t i) { return std::to_integer<std::size_t>(file[i]); };
  if (at(6) < 1 || at(6) > 3) fail(where, fmt::format("its version is {}.{}", at(6), at(7)));
  const std::size_t length_bytes = at(6) == 1 ? 2 : 4, begin = 8 + length_bytes;
  if (text.size() < begin) fail(where, "it is cut short");
  std::size_t length = at(8) | at(9) << 8;
  if (length_bytes == 4) length |= at(10) << 16 | at(11) << 24;
  if (length > text.size() - begin) fail(where, "it is cut short");
  NpyArray out = HeaderReader(text.substr(begin, length), where).read();
  const auto size = static_cast<std::size_t>(out.type[1] - '0');
  const Index count = checked_element_count(out.shape, static_cast<Index>(largest_npy), where);
  const auto values = file.subspan(begin + length);
  if (values.size() != static_cast<std::size_t>(count) * size)
    fail(where, fmt::format("shape {} of {} needs {} bytes, there are {}", to_string(out.shape), out.type,
                            static_cast<std::size_t>(count) * size, values.size()));
  out.values.assign(values.begin(), values.end());
  return out;
}

Dataset load_npy(const std::filesystem::path& folder, std::string_view split, int classes) {
  const auto images_path = folder / fmt::format("{}_images.npy", split),
             labels_path = folder / fmt::format("{}_labels.npy", split);
  const NpyArray images = read(images_path);
  if (images.shape.size() != 3 && images.shape.size() != 4)
    throw InputError(fmt::format("{}: images have shape [n, h, w] or [n, c, h, w], this is {}",
                                 images_path.string(), to_string(images.shape)));
  Shape shape(images.shape.begin() + 1, images.shape.end());
  if (shape.size() == 2) shape.insert(shape.begin(), 1);
  if (images.values.empty()) throw InputError(fmt::format("{}: there are no images", images_path.string()));
  std::vector<int> labels = labels_of(read(labels_path), images.shape[0], labels_path.string());
  return Dataset(fmt::format("{} {}", folder.string(), split), shape, classes, std::move(labels),
                 images_of(images, static_cast<std::size_t>(element_count(shape)), images_path.string()));
}

}  // namespace gradzone
