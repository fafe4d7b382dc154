// Where the images of a data set come from: memory, or files that are decoded when they are asked for.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "gradzone/base/random.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/data/sha256.hpp"

namespace gradzone {

/// The network's input for each of the 256 values of a pixel.
using PixelTransform = std::array<float, 256>;

/// x/255, then (x - 0.5)/0.5, each operation rounded to binary32: MNIST's transform in boustany2024.
const PixelTransform& symmetric_unit_transform();
/// x/255, rounded to binary32: bertoin2021's transform of MNIST.
const PixelTransform& unit_transform();

/// x/255, then (x - mean)/deviation of each channel, each operation rounded to binary32.
std::vector<PixelTransform> normalising_transforms(std::span<const float> mean,
                                                   std::span<const float> deviation);

/// Images of one shape [c, h, w], numbered from 0. Everything may be called from any thread.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// The image as a network is tested on it. `out` has c * h * w places.
  virtual void values(Index image, std::span<float> out) const = 0;
  /// The same for people: 8 bits a channel, [c, h, w].
  virtual std::vector<std::uint8_t> pixels(Index image) const = 0;
  /// What black is to the network, which is what lies beyond an image's border.
  virtual float black(Index channel) const = 0;
  /// A random piece of the original image, scaled to the shape, in place of values(). Throws UsageError where
  /// there are no originals.
  virtual void random_resized_crop(Index image, RandomStream& random, std::span<float> out) const;
  /// True where values() takes long enough to be worth a thread for each image.
  virtual bool decodes() const { return false; }
  /// What a fingerprint hashes before and after the labels.
  virtual void hash_transform(Sha256& hash) const = 0;
  virtual void hash_images(Sha256& hash) const = 0;
};

/// 8-bit images in memory.
class PixelsInMemory final : public ImageSource {
 public:
  /// `pixels` holds images of `image_size` = c * h * w bytes, one after the other; `transforms` has one entry
  /// for all channels or one for each.
  PixelsInMemory(std::vector<std::uint8_t> pixels, std::size_t image_size,
                 std::vector<PixelTransform> transforms);
  void values(Index image, std::span<float> out) const override;
  std::vector<std::uint8_t> pixels(Index image) const override;
  float black(Index channel) const override;
  void hash_transform(Sha256& hash) const override;
  void hash_images(Sha256& hash) const override;

 private:
  std::span<const std::uint8_t> bytes(Index image) const;

  std::vector<std::uint8_t> pixels_;
  std::size_t image_size_;
  std::vector<PixelTransform> transforms_;
};

/// Each pixel [c, h, w] through its channel's transform.
void transform_pixels(std::span<const std::uint8_t> pixels, std::span<const PixelTransform> transforms,
                      std::span<float> out);
void hash_transforms(std::span<const PixelTransform> transforms, Sha256& hash);

}  // namespace gradzone
