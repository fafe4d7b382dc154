// Labelled images, and the order in which a run visits them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/data/image_source.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// Labelled images of one shape. A value: copies share the images.
class Dataset {
 public:
  /// `image_shape` is [c, h, w]; `labels` holds one label in [0, classes) per image of `images`. Throws
  /// InputError naming the data set if a label is outside or there is no image.
  Dataset(std::string name, Shape image_shape, int classes, std::vector<int> labels,
          std::shared_ptr<const ImageSource> images);
  /// 8-bit images in memory, one after the other in `pixels`, with a transform for all channels. Throws
  /// InputError also if that does not fit together.
  Dataset(std::string name, Shape image_shape, int classes, std::vector<std::uint8_t> pixels,
          std::vector<int> labels, const PixelTransform& transform);
  /// With one transform per channel.
  Dataset(std::string name, Shape image_shape, int classes, std::vector<std::uint8_t> pixels,
          std::vector<int> labels, std::vector<PixelTransform> transforms);

  const std::string& name() const { return name_; }  ///< for people: "mnist train", "glyphs test"
  Index size() const { return static_cast<Index>(labels_.size()); }
  const Shape& image_shape() const { return image_shape_; }
  int classes() const { return classes_; }
  const std::vector<int>& labels() const { return labels_; }
  int label(Index image) const { return labels_[static_cast<std::size_t>(image)]; }
  const ImageSource& images() const { return *images_; }
  /// The image for people, [c, h, w].
  std::vector<std::uint8_t> pixels(Index image) const { return images_->pixels(image); }
  /// The transformed images as one mini-batch [N, c, h, w], in binary32 values. Precondition: indices in [0,
  /// size()).
  MiniBatch batch(std::span<const Index> images) const;

  /// SHA-256 of shape, labels, images and transform: what a stored result says it was computed from.
  std::string fingerprint() const;

 private:
  std::string name_;
  Shape image_shape_;
  int classes_ = 0;
  std::vector<int> labels_;
  std::shared_ptr<const ImageSource> images_;
};

/// "mnist:FOLDER" (data/mnist.hpp), "cifar10:FOLDER" or "cifar10:FILE" (data/cifar10.hpp), "glyphs" or
/// "glyphs:COUNT" (data/glyphs.hpp); `split` is "train" or "test". The seed draws the glyphs; files do not
/// depend on it. Throws UsageError for other texts, InputError for bad files.
Dataset load_dataset(std::string_view spec, std::string_view split, std::uint64_t seed);

/// Throws InputError unless the network takes the data set's images and has a logit for each of its classes.
void check_data_fits(const Graph& graph, const Dataset& data);

/// The order in which a run visits `size` images: 0, 1, 2, ... or a permutation that depends on the seed
/// alone.
std::vector<Index> sample_order(Index size, bool shuffle, std::uint64_t seed);

}  // namespace gradzone
