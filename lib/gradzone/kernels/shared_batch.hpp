// SharedBatch: a mini-batch that several processes compute together, each whole groups of 32 images, so that
// the sums over it are those of a process alone, bit for bit.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "gradzone/base/peers.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Of G groups, rank r of R has those from r G / R to (r + 1) G / R. A mini-batch of fewer groups than ranks
/// is not shared: each computes all of it.
class SharedBatch {
 public:
  /// `peers` must outlive it.
  explicit SharedBatch(Peers& peers) : peers_(peers) {}

  /// The mini-batch from now on.
  void set_images(Index images);
  bool is_shared() const { return shared_; }
  Index images() const { return images_; }
  /// One's own are [begin(), end()).
  Index begin() const { return begin_; }
  Index end() const { return end_; }
  Peers& peers() const { return peers_; }

  /// Images whose sums are added to each other before others' are: a subtree of the tree over all groups that
  /// is one's own as a whole, in a larger one that is not. In their order, at least one.
  struct Part {
    Index begin, end;
  };
  const std::vector<Part>& parts() const { return parts_; }

  /// sums[i] are `size` sums over parts()[i], each in the accumulator of F. Replaces the first by those over
  /// the mini-batch.
  template <class F>
  void add_parts(std::span<typename F::Real* const> sums, Index size) const;
  /// The same from sums over one's own groups, `size` of each.
  template <class F>
  void add_groups(typename F::Real* sums, Index size) const;

  /// A row for every image of the mini-batch, from everyone's own.
  template <class Real>
  Tensor<Real> gather(const Tensor<Real>& own) const;

 private:
  /// An addition of two sums that stand at the first parts of their subtrees: of one's own to one's own, or
  /// of another's that is received, or to another's, sent there.
  struct Addition {
    std::size_t left, right;  ///< indices of parts, where they are one's own
    int left_rank, right_rank;
  };

  static Index groups_in(Index images) { return (images + images_per_group - 1) / images_per_group; }
  int owner(Index group) const;
  Index first_image(int rank) const;
  /// Parts and additions of the subtree over these groups.
  void plan(Index begin, Index end);
  std::size_t part_from(Index group) const;
  template <class F>
  static void add(typename F::Real* to, const typename F::Real* from, Index size);

  Peers& peers_;
  bool shared_ = false;
  Index images_ = 0, groups_ = 0, begin_ = 0, end_ = 0;
  std::vector<Part> parts_;
  std::vector<Addition> additions_;
};

template <class F>
void SharedBatch::add(typename F::Real* to, const typename F::Real* from, Index size) {
  cpu::parallel(size, 1, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) to[i] = F::add(to[i], from[i]);
  });
}

template <class F>
void SharedBatch::add_parts(std::span<typename F::Real* const> sums, Index size) const {
  using Real = typename F::Real;
  std::vector<Real> received;
  const int me = peers_.rank();
  for (const Addition& a : additions_) {
    if (a.left_rank != me) {
      peers_.send(a.left_rank, std::as_bytes(std::span(sums[a.right], static_cast<std::size_t>(size))));
      continue;
    }
    const Real* right = nullptr;
    if (a.right_rank == me) {
      right = sums[a.right];
    } else {
      received.resize(static_cast<std::size_t>(size));
      peers_.receive(a.right_rank, std::as_writable_bytes(std::span(received)));
      right = received.data();
    }
    add<F>(sums[a.left], right, size);
  }
  peers_.broadcast(0, std::as_writable_bytes(std::span(sums[0], static_cast<std::size_t>(size))));
}

template <class F>
void SharedBatch::add_groups(typename F::Real* sums, Index size) const {
  std::vector<typename F::Real*> of_parts;
  for (const Part& part : parts_) {
    const Index groups = groups_in(part.end - part.begin);
    typename F::Real* first = sums + groups_in(part.begin - begin_) * size;
    for (Index distance = 1; distance < groups; distance *= 2)
      for (Index g = 0; g + distance < groups; g += 2 * distance)
        add<F>(first + g * size, first + (g + distance) * size, size);
    of_parts.push_back(first);
  }
  add_parts<F>(of_parts, size);
}

template <class Real>
Tensor<Real> SharedBatch::gather(const Tensor<Real>& own) const {
  const Index size = own.size() / own.dim(0);
  Shape shape = own.shape;
  shape[0] = images_;
  Tensor<Real> all(shape);
  std::ranges::copy(own.data, all.data.begin() + begin_ * size);
  gradzone::gather(peers_, std::span(all.data), [&](int rank) { return first_image(rank) * size; });
  return all;
}

}  // namespace gradzone
