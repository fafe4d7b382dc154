#include "gradzone/data/array_dataset.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/npy.hpp"
#include "gradzone/data/npz.hpp"

namespace gradzone {
namespace {

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

/// An array and where it is from, for messages.
struct NamedArray {
  NpyArray array;
  std::string where;
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

std::vector<int> labels_of(const NamedArray& labels, Index images) {
  const auto& [array, where] = labels;
  if (array.shape != Shape{images} && array.shape != Shape{images, 1})
    throw InputError(fmt::format("{}: shape {}, but there are {} images and each has one label", where,
                                 to_string(array.shape), images));
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

int classes_of(const std::vector<int>& labels, const ArrayOptions& options) {
  if (options.classes) return *options.classes;
  return std::clamp(*std::max_element(labels.begin(), labels.end()), 0, most_array_classes - 1) + 1;
}

double from_binary16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
  if (exponent == 31)
    magnitude =
        fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  return bits >> 15 ? -magnitude : magnitude;
}

/// The values of a float array in binary32.
std::vector<float> floats_of(const NamedArray& images, std::size_t image_size) {
  const NpyArray& array = images.array;
  std::vector<float> out;
  const auto convert = [&](const auto& values, auto to_double) {
    out.reserve(values.size());
    for (const auto v : values) {
      const double value = to_double(v);
      const auto rounded = static_cast<float>(value);
      if (!std::isfinite(rounded))
        throw InputError(fmt::format("{}: image {}, entry {} is {}, no finite binary32 number", images.where,
                                     out.size() / image_size, out.size() % image_size, value));
      out.push_back(rounded);
    }
  };
  const auto same = [](auto v) { return static_cast<double>(v); };
  if (array.type == "f2") convert(elements<std::uint16_t>(array), from_binary16);
  if (array.type == "f4") convert(elements<float>(array), same);
  if (array.type == "f8") convert(elements<double>(array), same);
  return out;
}

/// Puts the array into the order [n, c, h, w]; returns the shape of an image.
Shape arrange(NamedArray& images, ArrayLayout layout) {
  auto& [array, where] = images;
  const Shape& shape = array.shape;
  if (shape.size() < 2 || shape.size() > 4)
    throw InputError(
        fmt::format("{}: images have shape [n, h, w] or [n, c, h, w], or [n, d] as vectors; this is {}",
                    where, to_string(shape)));
  if (array.values.empty()) throw InputError(fmt::format("{}: there are no images", where));
  if (shape.size() == 4) {
    const auto counts_channels = [](Index n) { return n == 1 || n == 3; };
    if (layout == ArrayLayout::unstated && counts_channels(shape[3]) && !counts_channels(shape[1]))
      throw InputError(
          fmt::format("{}: shape {} looks like [n, h, w, c]: add ,layout=nhwc (or ,layout=nchw "
                      "if it is [n, c, h, w])",
                      where, to_string(shape)));
    if (layout == ArrayLayout::nhwc) array = transposed(array, {0, 3, 1, 2});
  }
  Shape image(array.shape.begin() + 1, array.shape.end());
  if (image.size() == 2) image.insert(image.begin(), 1);
  return image;
}

std::shared_ptr<const ImageSource> source_of(const NamedArray& images, const Shape& shape,
                                             const ArrayOptions& options) {
  const auto& [array, where] = images;
  const auto image_size = static_cast<std::size_t>(element_count(shape));
  if (array.type == "u1") {
    const Normalisation normalisation = options.normalisation.value_or(named_normalisation("symmetric"));
    const Index channels = shape.size() == 3 ? shape[0] : 1;
    return std::make_shared<PixelsInMemory>(elements<std::uint8_t>(array), image_size,
                                            transforms_for(normalisation, channels, where));
  }
  if (array.type[0] != 'f')
    throw InputError(fmt::format("{}: images are of type u1, f2, f4 or f8, not {}", where, array.type));
  if (options.normalisation)
    throw InputError(
        fmt::format("{}: norm, mean and std are for 8-bit images (u1); images of type {} are the "
                    "network's input as they are",
                    where, array.type));
  return std::make_shared<ValuesInMemory>(floats_of(images, image_size), image_size);
}

Dataset dataset_of(const std::string& name, NamedArray images, const std::optional<NamedArray>& labels,
                   const ArrayOptions& options) {
  const Shape shape = arrange(images, options.layout);
  const Index count = images.array.shape[0];
  auto source = source_of(images, shape, options);
  if (labels) {
    std::vector<int> numbers = labels_of(*labels, count);
    const int classes = classes_of(numbers, options);
    return Dataset(name, shape, classes, std::move(numbers), std::move(source));
  }
  if (options.classes)
    throw InputError(fmt::format("{}: classes are the labels', but there are no labels", images.where));
  return Dataset::unlabelled(name, shape, count, std::move(source));
}

NamedArray read(const std::filesystem::path& path) {
  return {parse_npy(read_file(path, largest_npy), path.string()), path.string()};
}

/// The names that are looked for where none are given.
NpzKeys find_keys(const NpzFile& file, std::string_view split, const std::string& where) {
  const NpzKeys usual[] = {{fmt::format("x_{}", split), fmt::format("y_{}", split)},
                           {fmt::format("X_{}", split), fmt::format("y_{}", split)},
                           {fmt::format("{}_images", split), fmt::format("{}_labels", split)},
                           {"x", "y"},
                           {"X", "y"},
                           {"images", "labels"},
                           {"arr_0", "arr_1"}};
  for (const NpzKeys& keys : usual)
    if (file.contains(keys.images)) return {keys.images, file.contains(keys.labels) ? keys.labels : ""};
  if (file.keys().size() == 1) return {file.keys()[0], ""};
  throw InputError(
      fmt::format("{}: no array of a usual name (x_{}, {}_images, x, images, arr_0): add "
                  ",images=KEY and, if there are labels, ,labels=KEY; there are: {}",
                  where, split, split, fmt::join(file.keys(), ", ")));
}

}  // namespace

Dataset load_npy_folder(const std::filesystem::path& folder, std::string_view split,
                        const ArrayOptions& options) {
  constexpr int usual_classes = 10;
  ArrayOptions with_classes = options;
  if (!options.classes) with_classes.classes = usual_classes;
  NamedArray images = read(folder / fmt::format("{}_images.npy", split));
  return dataset_of(fmt::format("{} {}", folder.string(), split), std::move(images),
                    read(folder / fmt::format("{}_labels.npy", split)), with_classes);
}

Dataset load_npy_files(const std::filesystem::path& images, const std::filesystem::path& labels,
                       const ArrayOptions& options) {
  std::optional<NamedArray> numbers;
  if (!labels.empty()) numbers = read(labels);
  return dataset_of(images.string(), read(images), numbers, options);
}

Dataset load_npz(const std::filesystem::path& path, std::string_view split, const NpzKeys& keys,
                 const ArrayOptions& options) {
  const std::string where = path.string();
  const std::vector<std::byte> bytes = read_file(path, largest_npy);
  const NpzFile file(bytes, where);
  NpzKeys chosen = keys;
  if (keys.images.empty()) {
    chosen = find_keys(file, split, where);
    if (!keys.labels.empty()) chosen.labels = keys.labels;
  }
  const auto read_key = [&](const std::string& key) {
    return NamedArray{file.read(key), fmt::format("{}: {}", where, key)};
  };
  std::optional<NamedArray> labels;
  if (!chosen.labels.empty()) labels = read_key(chosen.labels);
  return dataset_of(fmt::format("{} {}", where, chosen.images), read_key(chosen.images), labels, options);
}

}  // namespace gradzone
