#include "gradzone/data/image_source.hpp"

#include <fmt/format.h>

#include <cassert>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

PixelTransform normalising_transform(float mean, float deviation) {
  PixelTransform out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float unit = static_cast<float>(i) / 255.0f;
    const float centred = unit - mean;
    out[i] = centred / deviation;
  }
  return out;
}

}  // namespace

const PixelTransform& symmetric_unit_transform() {
  static const PixelTransform table = normalising_transform(0.5f, 0.5f);
  return table;
}

const PixelTransform& unit_transform() {
  static const PixelTransform table = normalising_transform(0, 1);
  return table;
}

std::vector<PixelTransform> normalising_transforms(std::span<const float> mean,
                                                   std::span<const float> deviation) {
  std::vector<PixelTransform> out;
  for (std::size_t c = 0; c < mean.size(); ++c) out.push_back(normalising_transform(mean[c], deviation[c]));
  return out;
}

void ImageSource::random_resized_crop(Index, RandomStream&, std::span<float>) const {
  throw UsageError("random resized crops need original images, as image folders have them");
}

PixelsInMemory::PixelsInMemory(std::vector<std::uint8_t> pixels, std::size_t image_size,
                               std::vector<PixelTransform> transforms)
    : pixels_(std::move(pixels)), image_size_(image_size), transforms_(std::move(transforms)) {
  assert(!transforms_.empty() && image_size_ % transforms_.size() == 0);
}

std::span<const std::uint8_t> PixelsInMemory::bytes(Index image) const {
  return std::span(pixels_).subspan(static_cast<std::size_t>(image) * image_size_, image_size_);
}

void PixelsInMemory::values(Index image, std::span<float> out) const {
  transform_pixels(bytes(image), transforms_, out);
}

std::vector<std::uint8_t> PixelsInMemory::pixels(Index image) const {
  const auto all = bytes(image);
  return {all.begin(), all.end()};
}

float PixelsInMemory::black(Index channel) const {
  return transforms_[transforms_.size() == 1 ? 0 : static_cast<std::size_t>(channel)][0];
}

void PixelsInMemory::hash_transform(Sha256& hash) const {
  hash_transforms(transforms_, hash);
}

void PixelsInMemory::hash_images(Sha256& hash) const {
  hash.update(std::as_bytes(std::span(pixels_)));
}

void transform_pixels(std::span<const std::uint8_t> pixels, std::span<const PixelTransform> transforms,
                      std::span<float> out) {
  assert(pixels.size() == out.size());
  const std::size_t plane = pixels.size() / transforms.size();
  for (std::size_t c = 0; c < transforms.size(); ++c) {
    const PixelTransform& table = transforms[c];
    for (std::size_t i = c * plane; i < (c + 1) * plane; ++i) out[i] = table[pixels[i]];
  }
}

void hash_transforms(std::span<const PixelTransform> transforms, Sha256& hash) {
  for (const PixelTransform& transform : transforms)
    for (const float v : transform) hash.update(fmt::format("{:a} ", static_cast<double>(v)));
}

}  // namespace gradzone
