#include "gradzone/data/batch_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

std::vector<Index> order_of(const Dataset& data, const LoaderOptions& options, Index epoch) {
  if (!options.shuffle) return sample_order(data.size(), false, 0);
  RandomStream random(options.seed, "train order", static_cast<std::uint64_t>(epoch));
  return random_permutation(data.size(), random);
}

}  // namespace

BatchPlanner::BatchPlanner(const Dataset& data, const LoaderOptions& options)
    : data_(data), options_(options) {
  if (options_.batch < 1) throw UsageError("a mini-batch needs at least one image");
  if (options_.augmentation != Augmentation::none && data_.image_shape().size() != 3)
    throw UsageError(
        fmt::format("--augment {}: {} has vectors, no images", name(options_.augmentation), data_.name()));
}

BatchPlan BatchPlanner::plan(Index epoch, Index step) {
  if (epoch != ordered_epoch_) order_ = order_of(data_, options_, epoch);
  ordered_epoch_ = epoch;
  BatchPlan out{&data_, epoch, step, {}, {}, {}};
  const Index end = std::min(data_.size(), (step + 1) * options_.batch);
  for (Index i = step * options_.batch; i < end; ++i) {
    const Index image = order_[static_cast<std::size_t>(i)];
    out.images.push_back(image);
    out.labels.push_back(data_.label(image));
    if (options_.augmentation == Augmentation::crop_flip) {
      RandomStream random = augmentation_of(epoch, image);
      out.crops.push_back(draw_crop_flip(random));
    }
  }
  return out;
}

void planned_image(const BatchPlan& plan, std::size_t i, std::span<float> out) {
  const ImageSource& source = plan.data->images();
  if (plan.crops.empty()) return source.values(plan.images[i], out);
  std::vector<float> whole(out.size()), border;
  source.values(plan.images[i], whole);
  for (Index c = 0; c < plan.data->image_shape()[0]; ++c) border.push_back(source.black(c));
  crop_flip(plan.data->image_shape(), whole, border, plan.crops[i], out);
}

Tensor<float> planned_images(const BatchPlan& plan) {
  Shape shape = plan.data->image_shape();
  const auto size = static_cast<std::size_t>(element_count(shape));
  shape.insert(shape.begin(), std::ssize(plan.images));
  Tensor<float> out(shape);
  for (std::size_t i = 0; i < plan.images.size(); ++i)
    planned_image(plan, i, std::span(out.data).subspan(i * size, size));
  return out;
}

}  // namespace gradzone
