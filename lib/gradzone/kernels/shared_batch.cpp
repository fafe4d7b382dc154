#include "gradzone/kernels/shared_batch.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace gradzone {

void SharedBatch::set_images(Index images) {
  if (images == images_) return;
  images_ = images;
  groups_ = groups_in(images);
  shared_ = peers_.size() > 1 && groups_ >= peers_.size();
  parts_.clear();
  additions_.clear();
  begin_ = shared_ ? first_image(peers_.rank()) : 0;
  end_ = shared_ ? first_image(peers_.rank() + 1) : images;
  if (shared_) plan(0, groups_);
}

Index SharedBatch::first_image(int rank) const {
  return std::min(images_, rank * groups_ / peers_.size() * images_per_group);
}

int SharedBatch::owner(Index group) const {
  return static_cast<int>(((group + 1) * peers_.size() - 1) / groups_);
}

std::size_t SharedBatch::part_from(Index group) const {
  const auto at = std::ranges::find(parts_, group * images_per_group, &Part::begin);
  return static_cast<std::size_t>(at - parts_.begin());
}

void SharedBatch::plan(Index begin, Index end) {
  const int left = owner(begin), me = peers_.rank();
  if (owner(end - 1) == left) {
    if (left == me) parts_.push_back({begin * images_per_group, std::min(images_, end * images_per_group)});
    return;
  }
  // Neighbours first: the left child is full.
  const Index middle =
      begin + static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(end - begin - 1)));
  plan(begin, middle);
  plan(middle, end);
  const int right = owner(middle);
  if (left == me || right == me) additions_.push_back({part_from(begin), part_from(middle), left, right});
}

}  // namespace gradzone
