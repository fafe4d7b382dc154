// Labelled 8-bit images, and the order in which a run visits them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// The network's input for each of the 256 values of a pixel; every entry is a binary32 number.
using PixelTransform = std::array<double, 256>;

/// x/255, then (x - 0.5)/0.5, each operation rounded to binary32: MNIST's transform in boustany2024.
const PixelTransform& symmetric_unit_transform();

/// Immutable images in memory.
class Dataset {
 public:
  /// `image_shape` is [c, h, w]; `pixels` holds the images one after the other, `labels` one label in [0,
  /// classes) per image. Throws InputError naming the data set if that does not fit together or there is no
  /// image.
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
  /// The image as stored, [c, h, w].
  std::span<const std::uint8_t> pixels(Index image) const;
  /// The transformed images as one mini-batch [N, c, h, w], in binary32 values. Precondition: indices in [0,
  /// size()).
  MiniBatch batch(std::span<const Index> images) const;

  /// SHA-256 of shape, labels, pixels and transform: what a stored result says it was computed from.
  std::string fingerprint() const;

 private:
  std::string name_;
  Shape image_shape_;
  int classes_ = 0;
  std::vector<std::uint8_t> pixels_;
  std::vector<int> labels_;
  std::vector<PixelTransform> transforms_;  ///< one for all channels, or one each
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
