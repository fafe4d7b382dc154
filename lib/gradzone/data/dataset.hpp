// Images with labels or without, and the order in which a run visits them.
#pragma once

#include <cstdint>
#include <functional>
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

/// Gives an image, whose values (Dataset::batch) are at hand, a label. Called from any thread.
using Labeller = std::function<int(Index image, std::span<const float> values)>;

/// Images of one shape. A value: copies share the images.
class Dataset {
 public:
  /// `image_shape` is [c, h, w], or [d] for vectors; `labels` holds one label in [0, classes) per image of
  /// `images`; `skipped` says of each bad image that was left out what is wrong with it. Throws InputError
  /// naming the data set if a label is outside or there is no image.
  Dataset(std::string name, Shape image_shape, int classes, std::vector<int> labels,
          std::shared_ptr<const ImageSource> images, std::vector<std::string> skipped = {});
  /// 8-bit images in memory, one after the other in `pixels`, with a transform for all channels. Throws
  /// InputError also if that does not fit together.
  Dataset(std::string name, Shape image_shape, int classes, std::vector<std::uint8_t> pixels,
          std::vector<int> labels, const PixelTransform& transform);
  /// With one transform per channel.
  Dataset(std::string name, Shape image_shape, int classes, std::vector<std::uint8_t> pixels,
          std::vector<int> labels, std::vector<PixelTransform> transforms);
  /// `size` images without labels: classes() is 0, labels() is empty. Throws InputError if there are none.
  static Dataset unlabelled(std::string name, Shape image_shape, Index size,
                            std::shared_ptr<const ImageSource> images, std::vector<std::string> skipped = {});
  /// The same images whose mini-batches get labels of `labeller`. It still has none of its own.
  Dataset labelled_by(Labeller labeller) const;

  const std::string& name() const { return name_; }  ///< for people: "mnist train", "glyphs test"
  Index size() const { return size_; }
  const Shape& image_shape() const { return image_shape_; }
  int classes() const { return classes_; }
  bool labelled() const { return !labels_.empty(); }
  const std::vector<int>& labels() const { return labels_; }
  /// Precondition: labelled().
  int label(Index image) const { return labels_[static_cast<std::size_t>(image)]; }
  const ImageSource& images() const { return *images_; }
  const std::vector<std::string>& skipped() const { return skipped_; }
  /// The image for people, [c, h, w].
  std::vector<std::uint8_t> pixels(Index image) const { return images_->pixels(image); }
  /// The transformed images as one mini-batch [N, c, h, w], in binary32 values, with their labels if there
  /// are any or a labeller gives them. Precondition: indices in [0, size()).
  MiniBatch batch(std::span<const Index> images) const;

  /// SHA-256 of shape, labels, images and transform: what a stored result says it was computed from.
  std::string fingerprint() const;

 private:
  Dataset(std::string name, Shape image_shape, int classes, Index size, std::vector<int>&& labels,
          std::shared_ptr<const ImageSource> images, std::vector<std::string> skipped);

  std::string name_;
  Shape image_shape_;
  int classes_ = 0;
  Index size_ = 0;
  std::vector<int> labels_;
  std::shared_ptr<const ImageSource> images_;
  std::vector<std::string> skipped_;
  Labeller labeller_;
};

/// What specifications of data sets look like, for people.
inline constexpr std::string_view dataset_syntax =
    "mnist:DIR[,norm=unit], cifar10:PATH, cifar100:PATH, svhn:PATH[,train=extra], "
    "folder:DIR[,size=224][,resize=256][,channels=1][,norm=imagenet], npy:DIR[,classes=10], "
    "npy:FILE[,labels=FILE], npz:FILE[,images=KEY][,labels=KEY], glyphs[:COUNT], glyphs32[:COUNT]; "
    "transforms "
    "of 8-bit images: norm=imagenet, cifar, symmetric or unit, or mean=A/B/C,std=A/B/C";

/// Reads the split "train" or "test" of
///   mnist:DIR               data/mnist.hpp; norm is symmetric if left out
///   cifar10:PATH, cifar100:PATH  data/cifar.hpp
///   svhn:PATH               data/svhn.hpp; with ",train=extra" the extra images are the training split
///   folder:DIR              data/image_folder.hpp; size=N (224), resize=N, channels=1 or 3 (3), norm is
///                           imagenet if left out
///   npy:DIR, npy:FILE.npy   data/array_dataset.hpp; labels=FILE.npy of a file, classes=N, layout=nchw or
///   nhwc,
///                           norm is symmetric if left out
///   npz:FILE.npz            the same; images=KEY, labels=KEY
///   glyphs, glyphs:COUNT    data/glyphs.hpp
///   glyphs32, glyphs32:COUNT  data/glyphs32.hpp
/// with options as ",KEY=VALUE" behind them. Where norm=NAME is one of them, mean=A/B/C,std=A/B/C is another
/// (data/normalisation.hpp). The seed draws the glyphs; files do not depend on it. `on_bad_image` is for
/// image folders. Throws UsageError for other texts, InputError for bad files.
Dataset load_dataset(std::string_view spec, std::string_view split, std::uint64_t seed,
                     OnBadImage on_bad_image = OnBadImage::fail);

/// Throws InputError unless the network takes the data set's images and has a logit for each of its classes.
void check_data_fits(const Graph& graph, const Dataset& data);

/// Throws InputError saying that `what` ("training") needs labels if the data set has none.
void check_labelled(const Dataset& data, std::string_view what);

/// The order in which a run visits `size` images: 0, 1, 2, ... or a permutation that depends on the seed
/// alone.
std::vector<Index> sample_order(Index size, bool shuffle, std::uint64_t seed);

}  // namespace gradzone
