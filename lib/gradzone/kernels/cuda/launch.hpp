// How a kernel body runs: on a card (cuda_queue.cuh), or here on the host in a plain loop over blocks and
// threads, so that the same source is tested where there is no card.
//
// A body is a small value, copied to the device. It states
//   threads               of a block
//   Shared                what the threads of a block share, uninitialised
//   State                 what a thread keeps from phase to phase, uninitialised
//   steps(block, state)   how many steps the block takes: the same for all its threads, asked after begin
//   begin, step, end      the phases, called by every thread: begin, step 0, step 1, ..., end
// with a barrier of the block between phases. A phase may read what other threads wrote in phases before, and
// nothing that another thread writes in the same one.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "gradzone/base/host_device.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"

// For nvcc's device pass alone: other compilers do not know this pragma.
#ifdef __CUDA_ARCH__
#define GRADZONE_UNROLL _Pragma("unroll")
#else
#define GRADZONE_UNROLL
#endif

namespace gradzone::device {

struct Nothing {};

/// A body without phases: map(i) for every i below count.
template <class Map>
struct EachEntry {
  static constexpr int threads = 256;
  using Shared = Nothing;
  using State = Nothing;

  Map map;
  Index count;

  GRADZONE_HOST_DEVICE int steps(Index, const State&) const { return 0; }
  GRADZONE_HOST_DEVICE void begin(Index block, int thread, Shared&, State&) const {
    const Index i = block * threads + thread;
    if (i < count) map(i);
  }
  GRADZONE_HOST_DEVICE void step(int, Index, int, Shared&, State&) const {}
  GRADZONE_HOST_DEVICE void end(Index, int, Shared&, State&) const {}
};

/// What is common to both queues: Queue::run(blocks, body).
template <class Queue, class Map>
void run_each(const Queue& queue, Index count, const Map& map) {
  using Body = EachEntry<Map>;
  if (count > 0) queue.run((count + Body::threads - 1) / Body::threads, Body{map, count});
}

class HostQueue {
 public:
  /// `device` must outlive it.
  explicit HostQueue(HostDevice& device) : device_(&device) {}

  template <class Body>
  void run(Index blocks, const Body& body) const {
    device_->queue([blocks, body] { run_now(blocks, body); });
  }

 private:
  template <class Body>
  static void run_now(Index blocks, const Body& body) {
    using Shared = typename Body::Shared;
    using State = typename Body::State;
    const auto shared = std::make_unique<Shared>();
    std::vector<State> states(static_cast<std::size_t>(Body::threads));
    for (Index block = 0; block < blocks; ++block) {
      // What was not written reads as NaN, as it may on a card.
      std::memset(static_cast<void*>(shared.get()), 0xFF, sizeof(Shared));
      std::memset(static_cast<void*>(states.data()), 0xFF, states.size() * sizeof(State));
      const auto each_thread = [&](auto&& phase) {
        for (int t = 0; t < Body::threads; ++t) phase(t, states[static_cast<std::size_t>(t)]);
      };
      each_thread([&](int t, State& state) { body.begin(block, t, *shared, state); });
      const int steps = body.steps(block, states[0]);
      for (int s = 0; s < steps; ++s)
        each_thread([&](int t, State& state) { body.step(s, block, t, *shared, state); });
      each_thread([&](int t, State& state) { body.end(block, t, *shared, state); });
    }
  }

  HostDevice* device_;
};

}  // namespace gradzone::device
