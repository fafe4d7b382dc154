#include "gradzone/data/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/data/cifar10.hpp"
#include "gradzone/data/glyphs.hpp"
#include "gradzone/data/mnist.hpp"

namespace gradzone {
namespace {

Index parse_count(std::string_view text) {
  Index count = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || stop != text.data() + text.size() || count < 1 || count > most_glyphs) {
    throw UsageError(
        fmt::format("data set \"glyphs:{}\": the number of images must be 1 ... {}", text, most_glyphs));
  }
  return count;
}

}  // namespace

Dataset::Dataset(std::string name, Shape image_shape, int classes, std::vector<int> labels,
                 std::shared_ptr<const ImageSource> images)
    : name_(std::move(name)),
      image_shape_(std::move(image_shape)),
      classes_(classes),
      labels_(std::move(labels)),
      images_(std::move(images)) {
  if (labels_.empty()) throw InputError(fmt::format("{}: there are no images", name_));
  const auto bad =
      std::find_if(labels_.begin(), labels_.end(), [&](int y) { return y < 0 || y >= classes_; });
  if (bad != labels_.end()) {
    throw InputError(fmt::format("{}: the label of image {} is {}, outside 0 ... {}", name_,
                                 bad - labels_.begin(), *bad, classes_ - 1));
  }
}

Dataset::Dataset(std::string name, Shape image_shape, int classes, std::vector<std::uint8_t> pixels,
                 std::vector<int> labels, const PixelTransform& transform)
    : Dataset(std::move(name), std::move(image_shape), classes, std::move(pixels), std::move(labels),
              std::vector<PixelTransform>{transform}) {}

Dataset::Dataset(std::string name, Shape image_shape, int classes, std::vector<std::uint8_t> pixels,
                 std::vector<int> labels, std::vector<PixelTransform> transforms)
    : Dataset(std::move(name), image_shape, classes, std::move(labels), nullptr) {
  const Index expected = element_count(image_shape) * size();
  if (expected != static_cast<Index>(pixels.size())) {
    throw InputError(fmt::format("{}: {} labels for {} bytes of images of shape {}", name_, size(),
                                 pixels.size(), to_string(image_shape)));
  }
  images_ = std::make_shared<PixelsInMemory>(
      std::move(pixels), static_cast<std::size_t>(element_count(image_shape)), std::move(transforms));
}

MiniBatch Dataset::batch(std::span<const Index> images) const {
  MiniBatch out;
  out.x.shape = image_shape_;
  out.x.shape.insert(out.x.shape.begin(), static_cast<Index>(images.size()));
  out.x.data.reserve(static_cast<std::size_t>(element_count(out.x.shape)));
  std::vector<float> values(static_cast<std::size_t>(element_count(image_shape_)));
  for (const Index image : images) {
    images_->values(image, values);
    out.x.data.insert(out.x.data.end(), values.begin(), values.end());
    out.labels.push_back(label(image));
  }
  return out;
}

std::string Dataset::fingerprint() const {
  Sha256 hash;
  hash.update(fmt::format("{} {}\n", to_string(image_shape_), classes_));
  images_->hash_transform(hash);
  for (const int y : labels_) hash.update(fmt::format("{} ", y));
  images_->hash_images(hash);
  return hash.hex();
}

Dataset load_dataset(std::string_view spec, std::string_view split, std::uint64_t seed) {
  if (split != "train" && split != "test") {
    throw UsageError(fmt::format("unknown split \"{}\": there are train and test", split));
  }
  const std::size_t colon = spec.find(':');
  const std::string_view kind = spec.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? std::string_view() : spec.substr(colon + 1);
  if (kind == "mnist" && !rest.empty()) return load_mnist(rest, split);
  if (kind == "cifar10" && !rest.empty()) return load_cifar10(rest, split);
  if (spec == "glyphs")
    return draw_glyphs(split == "train" ? usual_train_glyphs : usual_test_glyphs, split, seed);
  if (kind == "glyphs") return draw_glyphs(parse_count(rest), split, seed);
  throw UsageError(
      fmt::format("unknown data set \"{}\": write mnist:FOLDER, cifar10:PATH, glyphs or glyphs:COUNT", spec));
}

void check_data_fits(const Graph& graph, const Dataset& data) {
  if (data.image_shape() != graph.input_shape()) {
    throw InputError(fmt::format("{} has images of shape {}, but {} takes {}", data.name(),
                                 to_string(data.image_shape()), graph.name(),
                                 to_string(graph.input_shape())));
  }
  if (data.classes() > graph.classes()) {
    throw InputError(fmt::format("{} has {} classes, but {} has {} logits", data.name(), data.classes(),
                                 graph.name(), graph.classes()));
  }
}

std::vector<Index> sample_order(Index size, bool shuffle, std::uint64_t seed) {
  if (shuffle) {
    RandomStream random(seed, "sample order");
    return random_permutation(size, random);
  }
  std::vector<Index> out(static_cast<std::size_t>(size));
  std::iota(out.begin(), out.end(), Index{0});
  return out;
}

}  // namespace gradzone
