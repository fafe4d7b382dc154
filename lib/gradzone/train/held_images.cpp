#include "gradzone/train/held_images.hpp"

#include <algorithm>
#include <span>

#include "gradzone/base/parallel.hpp"

namespace gradzone {
namespace {

std::size_t numbers_in(const Dataset& data) {
  return static_cast<std::size_t>(data.size() * element_count(data.image_shape()));
}

}  // namespace

bool HeldImages::fit(const Device& device, const Dataset& data) {
  return numbers_in(data) <= device.free_memory() / 4 / sizeof(float);
}

HeldImages::HeldImages(Device& device, const Dataset& data) : shape_(data.image_shape()) {
  constexpr Index piece = 256;  // the host needs no second copy of all
  const Index size = element_count(shape_);
  values_.resize(device, numbers_in(data));
  std::vector<float> values(static_cast<std::size_t>(piece * size));
  for (Index begin = 0; begin < data.size(); begin += piece) {
    const Index count = std::min(piece, data.size() - begin);
    parallel_for(count, [&](Index i) {
      data.images().values(begin + i, std::span(values).subspan(static_cast<std::size_t>(i * size),
                                                                static_cast<std::size_t>(size)));
    });
    device.copy_to_device(values_.data() + begin * size, values.data(),
                          static_cast<std::size_t>(count * size) * sizeof(float));
    device.wait();  // the values are read until then
  }
  if (shape_.size() == 1) shape_ = {1, 1, size};
  std::vector<float> border;
  for (Index c = 0; c < shape_[0]; ++c) border.push_back(data.images().black(c));
  border_.upload(device, border.data(), border.size());
  device.wait();
}

ImagesView HeldImages::view() const {
  return {values_.data(), border_.data(), shape_[0], shape_[1], shape_[2]};
}

std::vector<ImageCut> cuts_of(const BatchPlan& plan) {
  std::vector<ImageCut> out;
  for (std::size_t i = 0; i < plan.images.size(); ++i) {
    const CropFlip crop = plan.crops.empty() ? CropFlip() : plan.crops[i];
    out.push_back({plan.images[i], crop.top - crop_border, crop.left - crop_border, crop.flip});
  }
  return out;
}

}  // namespace gradzone
