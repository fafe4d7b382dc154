#include "gradzone/data/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"

namespace gradzone {
Dataset::Dataset(std::string name, Shape image_shape, int classes, Index size, std::vector<int>&& labels,
                 std::shared_ptr<const ImageSource> images, std::vector<std::string> skipped)
    : name_(std::move(name)),
      image_shape_(std::move(image_shape)),
      classes_(classes),
      size_(size),
      labels_(std::move(labels)),
      images_(std::move(images)),
      skipped_(std::move(skipped)) {
  if (size_ < 1) throw InputError(fmt::format("{}: there are no images", name_));
}

Dataset::Dataset(std::string name, Shape image_shape, int classes, std::vector<int> labels,
                 std::shared_ptr<const ImageSource> images, std::vector<std::string> skipped)
    : Dataset(std::move(name), std::move(image_shape), classes, std::ssize(labels), std::move(labels),
              std::move(images), std::move(skipped)) {
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

Dataset Dataset::unlabelled(std::string name, Shape image_shape, Index size,
                            std::shared_ptr<const ImageSource> images, std::vector<std::string> skipped) {
  return Dataset(std::move(name), std::move(image_shape), 0, size, {}, std::move(images), std::move(skipped));
}

Dataset Dataset::labelled_by(Labeller labeller) const {
  Dataset out = *this;
  out.labeller_ = std::move(labeller);
  return out;
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
    if (labelled()) {
      out.labels.push_back(label(image));
    } else if (labeller_) {
      out.labels.push_back(labeller_(image, values));
    }
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

void check_labelled(const Dataset& data, std::string_view what) {
  if (!data.labelled()) throw InputError(fmt::format("{} has no labels: {} needs them", data.name(), what));
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
