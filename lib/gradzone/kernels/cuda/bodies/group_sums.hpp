// Sums per channel over a group of images, one chain each: a warp's lanes are channels that add from shared
// memory, while all threads bring the next pixels.
#pragma once

#include "gradzone/kernels/cuda/bodies/tree.hpp"
#include "gradzone/kernels/cuda/launch.hpp"

namespace gradzone::device {

/// sum of x
template <class F>
struct PlainTerm {
  using Real = typename F::Real;
  static constexpr int values = 1, sums = 1;
  const Real* x;
  GRADZONE_HOST_DEVICE void load(Index entry, int, Real (&v)[values]) const { v[0] = x[entry]; }
  GRADZONE_HOST_DEVICE static void add(const Real (&v)[values], Real (&sum)[sums]) {
    sum[0] = F::add(sum[0], v[0]);
  }
};

/// sum of (x - mean)^2
template <class F>
struct SquareTerm {
  using Real = typename F::Real;
  static constexpr int values = 1, sums = 1;
  const Real *x, *mean;
  GRADZONE_HOST_DEVICE void load(Index entry, int channel, Real (&v)[values]) const {
    v[0] = F::sub(x[entry], mean[channel]);
  }
  GRADZONE_HOST_DEVICE static void add(const Real (&v)[values], Real (&sum)[sums]) {
    sum[0] = F::fma(v[0], v[0], sum[0]);
  }
};

/// sum of g and sum of g x^
template <class F>
struct NormalisedTerm {
  using Real = typename F::Real;
  static constexpr int values = 2, sums = 2;
  const Real *x, *dy, *mean, *inverse;
  GRADZONE_HOST_DEVICE void load(Index entry, int channel, Real (&v)[values]) const {
    v[0] = dy[entry];
    v[1] = F::mul(F::sub(x[entry], mean[channel]), inverse[channel]);
  }
  GRADZONE_HOST_DEVICE static void add(const Real (&v)[values], Real (&sum)[sums]) {
    sum[0] = F::add(sum[0], v[0]);
    sum[1] = F::fma(v[0], v[1], sum[1]);
  }
};

/// out[s][group][channel]. A block is 32 channels of a group.
template <class F, class Term>
struct GroupSums {
  using Real = typename F::Real;
  static constexpr int threads = 256, lanes = 32, rows = threads / lanes;
  static constexpr int pixels = 512 / static_cast<int>(sizeof(Real));  ///< of a step
  static constexpr int loads = pixels / rows;
  struct Shared {
    Real value[2][Term::values][pixels][lanes];
  };
  struct State {
    Real sum[Term::sums];
    Real next[loads][Term::values];
  };

  Term term;
  Real* out;
  int channels, channel_blocks;
  Index pixels_of_batch, pixels_of_group, groups;

  GRADZONE_HOST_DEVICE Index group_of(Index block) const { return block / channel_blocks; }
  GRADZONE_HOST_DEVICE int channel_of(Index block, int thread) const {
    return static_cast<int>(block % channel_blocks) * lanes + thread % lanes;
  }
  GRADZONE_HOST_DEVICE Index count(Index block) const {
    const Index left = pixels_of_batch - group_of(block) * pixels_of_group;
    return left < pixels_of_group ? left : pixels_of_group;
  }
  GRADZONE_HOST_DEVICE int steps(Index block, const State&) const {
    return static_cast<int>((count(block) + pixels - 1) / pixels);
  }

  /// The pixels of step s, into the thread's own memory: there they may arrive while sums go on.
  GRADZONE_HOST_DEVICE void fetch(int s, Index block, int thread, State& state) const {
    const int channel = channel_of(block, thread);
    const Index end = count(block), first = group_of(block) * pixels_of_group;
    GRADZONE_UNROLL
    for (int i = 0; i < loads; ++i) {
      const Index pixel = Index{s} * pixels + thread / lanes + i * rows;
      if (channel < channels && pixel < end)
        term.load((first + pixel) * channels + channel, channel, state.next[i]);
    }
  }
  GRADZONE_HOST_DEVICE void put(int s, int thread, Shared& shared, const State& state) const {
    GRADZONE_UNROLL
    for (int i = 0; i < loads; ++i)
      for (int v = 0; v < Term::values; ++v)
        shared.value[s % 2][v][thread / lanes + i * rows][thread % lanes] = state.next[i][v];
  }

  GRADZONE_HOST_DEVICE void begin(Index block, int thread, Shared& shared, State& state) const {
    for (Real& sum : state.sum) sum = 0;
    for (auto& next : state.next)
      for (Real& value : next) value = 0;
    fetch(0, block, thread, state);
    put(0, thread, shared, state);
    fetch(1, block, thread, state);
  }
  GRADZONE_HOST_DEVICE void step(int s, Index block, int thread, Shared& shared, State& state) const {
    put(s + 1, thread, shared, state);
    fetch(s + 2, block, thread, state);
    if (thread >= lanes) return;
    const Index left = count(block) - Index{s} * pixels;
    const int here = left < pixels ? static_cast<int>(left) : pixels;
    const auto add = [&](int pixel) {
      Real value[Term::values];
      for (int v = 0; v < Term::values; ++v) value[v] = shared.value[s % 2][v][pixel][thread];
      Term::add(value, state.sum);
    };
    if (here == pixels) {
      GRADZONE_UNROLL
      for (int p = 0; p < pixels; ++p) add(p);
    } else {
      for (int p = 0; p < here; ++p) add(p);
    }
  }
  GRADZONE_HOST_DEVICE void end(Index block, int thread, Shared&, State& state) const {
    const int channel = channel_of(block, thread);
    if (thread >= lanes || channel >= channels) return;
    for (int s = 0; s < Term::sums; ++s)
      out[(s * groups + group_of(block)) * channels + channel] = state.sum[s];
  }
};

/// db = store(tree of group sums), for every channel.
template <class F>
struct StoreSums {
  using Real = typename F::Real;
  const Real* sums;  ///< [groups][channels]
  Real* db;
  Index groups, channels;
  GRADZONE_HOST_DEVICE void operator()(Index c) const {
    db[c] = F::store(tree_sum<F>(sums + c, channels, groups));
  }
};

}  // namespace gradzone::device
