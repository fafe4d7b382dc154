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

/// What to do with an image that cannot be read: refuse the whole set, or leave it out.
enum class OnBadImage { fail, skip };

/// Labelled images of one shape. A value: copies share the images.
class Dataset {
 public:
  /// `image_shape` is [c, h, w]; `labels` holds one label in [0, classes) per image of `images`; `skipped`
  /// says of each bad image that was left out what is wrong with it. Throws InputError naming the data set if
  /// a label is outside or there is no image.
  Dataset(std::string name, Shape image_shape, int classes, std::vector<int> labels,
          std::shared_ptr<const ImageSource> images, std::vector<std::string> skipped = {});
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
  const std::vector<std::string>& skipped() const { return skipped_; }
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
  std::vector<std::string> skipped_;
};

/// What specifications of data sets look like, for people.
inline constexpr std::string_view dataset_syntax =
    "mnist:DIR[,norm=unit], cifar10:PATH, cifar100:PATH, svhn:PATH[,train=extra], "
    "folder:DIR[,size=224][,norm=imagenet], npy:DIR[,classes=10], glyphs[:COUNT], glyphs32[:COUNT]";

/// Reads the split "train" or "test" of
///   mnist:DIR               data/mnist.hpp; ",norm=unit" gives x/255 instead of (x/255 - 0.5)/0.5
///   cifar10:PATH, cifar100:PATH  data/cifar.hpp
///   svhn:PATH               data/svhn.hpp; with ",train=extra" the extra images are the training split
///   folder:DIR              data/image_folder.hpp; ",size=N" scales to N x N (224), ",norm=NAME" is
///   imagenet,
///                           cifar or symmetric
///   npy:DIR                 data/npy.hpp; ",classes=N" (10)
///   glyphs, glyphs:COUNT    data/glyphs.hpp
///   glyphs32, glyphs32:COUNT  data/glyphs32.hpp
/// The seed draws the glyphs; files do not depend on it. `on_bad_image` is for image folders. Throws
/// UsageError for other texts, InputError for bad files.
Dataset load_dataset(std::string_view spec, std::string_view split, std::uint64_t seed,
                     OnBadImage on_bad_image = OnBadImage::fail);

/// Throws InputError unless the network takes the data set's images and has a logit for each of its classes.
void check_data_fits(const Graph& graph, const Dataset& data);

/// The order in which a run visits `size` images: 0, 1, 2, ... or a permutation that depends on the seed
/// alone.
std::vector<Index> sample_order(Index size, bool shuffle, std::uint64_t seed);

}  // namespace gradzone
