#include "gradzone/data/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "gradzone/base/error.hpp"
#include "gradzone/base/parallel.hpp"

namespace gradzone {
namespace {

std::vector<Index> order_of(const Dataset& data, const LoaderOptions& options, Index epoch) {
  if (!options.shuffle) return sample_order(data.size(), false, 0);
  RandomStream random(options.seed, "train order", static_cast<std::uint64_t>(epoch));
  return random_permutation(data.size(), random);
}

}  // namespace

BatchLoader::BatchLoader(const Dataset& data, const LoaderOptions& options) : data_(data), options_(options) {
  if (options_.batch < 1) throw UsageError("a mini-batch needs at least one image");
  if (options_.augmentation != Augmentation::none && data_.image_shape().size() != 3)
    throw UsageError(
        fmt::format("--augment {}: {} has vectors, no images", name(options_.augmentation), data_.name()));
  for (Index c = 0; c < data_.image_shape()[0]; ++c) border_.push_back(data_.images().black(c));
}

BatchLoader::~BatchLoader() {
  stop();
}

Index BatchLoader::steps() const {
  return (data_.size() + options_.batch - 1) / options_.batch;
}

void BatchLoader::stop() {
  thread_ = std::jthread();  // asks it to stop and waits for it
  filled_ = taken_ = 0;
}

void BatchLoader::seek(Index epoch, Index step) {
  assert(epoch >= 0 && step >= 0 && step < steps());
  stop();
  first_epoch_ = epoch;
  first_step_ = step;
}

const LoadedBatch& BatchLoader::next() {
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop), first_epoch_, first_step_); });
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return filled_ > taken_; });
  const Slot& slot = slots_[taken_ % slots_.size()];
  if (slot.error) std::rethrow_exception(slot.error);
  ++taken_;
  changed_.notify_all();
  return slot.batch;
}

void BatchLoader::run(std::stop_token stop, Index epoch, Index step) {
  std::vector<Index> order = order_of(data_, options_, epoch);
  for (;;) {
    Slot* slot = nullptr;
    {
      std::unique_lock lock(mutex_);
      const auto has_room = [&] { return filled_ - taken_ < slots_.size() - 1; };
      if (!changed_.wait(lock, stop, has_room)) return;
      slot = &slots_[filled_ % slots_.size()];
    }
    slot->batch.epoch = epoch;
    slot->batch.step = step;
    try {
      load(order, slot->batch);
      slot->error = nullptr;
    } catch (...) {
      slot->error = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      ++filled_;
    }
    changed_.notify_all();
    if (slot->error) return;
    if (++step == steps()) {
      step = 0;
      order = order_of(data_, options_, ++epoch);
    }
  }
}

void BatchLoader::load(const std::vector<Index>& order, LoadedBatch& batch) const {
  const Index begin = batch.step * options_.batch, count = std::min(options_.batch, data_.size() - begin);
  const Index image_size = element_count(data_.image_shape());
  batch.x.shape = data_.image_shape();
  batch.x.shape.insert(batch.x.shape.begin(), count);
  batch.x.data.resize(static_cast<std::size_t>(count * image_size));
  batch.labels.resize(static_cast<std::size_t>(count));
  const auto load_one = [&](Index i) {
    const Index image = order[static_cast<std::size_t>(begin + i)];
    batch.labels[static_cast<std::size_t>(i)] = data_.label(image);
    load_image(batch.epoch, image,
               std::span(batch.x.data)
                   .subspan(static_cast<std::size_t>(i * image_size), static_cast<std::size_t>(image_size)));
  };
  if (data_.images().decodes()) {
    parallel_for(count, load_one);
  } else {  // copying images is no work worth waking threads for that compute
    for (Index i = 0; i < count; ++i) load_one(i);
  }
}

void BatchLoader::load_image(Index epoch, Index image, std::span<float> out) const {
  RandomStream random(options_.seed, "augment", static_cast<std::uint64_t>(epoch * data_.size() + image));
  switch (options_.augmentation) {
    case Augmentation::none:
      data_.images().values(image, out);
      break;
    case Augmentation::crop_flip: {
      std::vector<float> whole(out.size());
      data_.images().values(image, whole);
      crop_flip(data_.image_shape(), whole, border_, draw_crop_flip(random), out);
      break;
    }
    case Augmentation::resized_crop:
      data_.images().random_resized_crop(image, random, out);
      if (random.below(2) == 1) mirror(data_.image_shape(), out);
      break;
  }
}

}  // namespace gradzone
