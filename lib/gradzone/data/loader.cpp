#include "gradzone/data/loader.hpp"

#include <cassert>
#include <utility>

#include "gradzone/base/parallel.hpp"

namespace gradzone {
BatchLoader::BatchLoader(const Dataset& data, const LoaderOptions& options) : planner_(data, options) {}

BatchLoader::~BatchLoader() {
  stop();
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
  for (;;) {
    Slot* slot = nullptr;
    {
      std::unique_lock lock(mutex_);
      const auto has_room = [&] { return filled_ - taken_ < slots_.size() - 1; };
      if (!changed_.wait(lock, stop, has_room)) return;
      slot = &slots_[filled_ % slots_.size()];
    }
    try {
      load(planner_.plan(epoch, step), slot->batch);
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
      ++epoch;
    }
  }
}

void BatchLoader::load(BatchPlan plan, LoadedBatch& batch) const {
  const Dataset& data = planner_.data();
  const Index count = std::ssize(plan.images), image_size = element_count(data.image_shape());
  batch.x.shape = data.image_shape();
  batch.x.shape.insert(batch.x.shape.begin(), count);
  batch.x.data.resize(static_cast<std::size_t>(count * image_size));
  const auto load_one = [&](Index i) {
    load_image(plan, static_cast<std::size_t>(i),
               std::span(batch.x.data)
                   .subspan(static_cast<std::size_t>(i * image_size), static_cast<std::size_t>(image_size)));
  };
  if (data.images().decodes()) {
    parallel_for(count, load_one);
  } else {  // copying images is no work worth waking threads for that compute
    for (Index i = 0; i < count; ++i) load_one(i);
  }
  batch.labels = std::move(plan.labels);
  batch.epoch = plan.epoch;
  batch.step = plan.step;
}

void BatchLoader::load_image(const BatchPlan& plan, std::size_t i, std::span<float> out) const {
  if (planner_.options().augmentation != Augmentation::resized_crop) return planned_image(plan, i, out);
  RandomStream random = planner_.augmentation_of(plan.epoch, plan.images[i]);
  plan.data->images().random_resized_crop(plan.images[i], random, out);
  if (random.below(2) == 1) mirror(plan.data->image_shape(), out);
}

}  // namespace gradzone
