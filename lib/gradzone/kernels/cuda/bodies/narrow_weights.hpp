// The weight gradient of convolutions with few input channels, such as a network's first. They have few
// outputs, each a long chain: what takes time is one addition after the other, so a thread has one output
// alone.
#pragma once

#include "gradzone/kernels/cuda/bodies/convolution.hpp"

namespace gradzone::device {

template <class F>
struct NarrowWeights {
  using Real = typename F::Real;
  using V = Vector<Real>;
  static constexpr int rows = 32, columns = 4, threads = rows * columns;
  /// Terms of a step. While they are added, the next ones come into registers.
  static constexpr int depth = 512 / static_cast<int>(sizeof(Real));
  static constexpr int vectors = rows / V::size, loads_a = depth * vectors / threads;
  static constexpr int loads_b = (depth + threads - 1) / threads;
  static_assert(loads_a * threads == depth * vectors);

  struct alignas(16) Shared {
    Real a[2][depth][rows];
    Real b[2][columns][depth];
  };
  struct State {
    Work<Real> work;
    Real sum;
    V a[loads_a];
    Real b[loads_b][columns];
  };

  WeightProducts<F> problem;

  GRADZONE_HOST_DEVICE void fetch(int first_term, int thread, State& s) const {
    const Work<Real>& w = s.work;
    GRADZONE_UNROLL
    for (int i = 0; i < loads_a; ++i) {
      const int u = thread + i * threads, term = first_term + u / vectors, row = u % vectors * V::size;
      s.a[i] = term < w.terms.count
                   ? load_vector(w.a + w.terms.at(term).a + row, w.rows - row, problem.vector_a)
                   : V{};
    }
    GRADZONE_UNROLL
    for (int i = 0; i < loads_b; ++i) {
      const int of_step = thread + i * threads, term = first_term + of_step;
      if (of_step >= depth || term >= w.terms.count) continue;
      const Real* from = w.b + w.terms.at(term).b;
      for (int c = 0; c < columns && c < w.columns; ++c) s.b[i][c] = from[c];
    }
  }
  GRADZONE_HOST_DEVICE void put(int slice, int thread, Shared& shared, const State& s) const {
    GRADZONE_UNROLL
    for (int i = 0; i < loads_a; ++i) {
      const int u = thread + i * threads;
      *reinterpret_cast<V*>(&shared.a[slice % 2][u / vectors][u % vectors * V::size]) = s.a[i];
    }
    GRADZONE_UNROLL
    for (int i = 0; i < loads_b; ++i) {
      const int of_step = thread + i * threads;
      if (of_step >= depth) continue;
      for (int c = 0; c < columns; ++c) shared.b[slice % 2][c][of_step] = s.b[i][c];
    }
  }

  GRADZONE_HOST_DEVICE int steps(Index, const State& s) const {
    return (s.work.terms.count + depth - 1) / depth;
  }
  GRADZONE_HOST_DEVICE void begin(Index block, int thread, Shared& shared, State& s) const {
    s.work = problem.work(block, rows, columns);
    s.sum = 0;
    for (auto& of_term : s.b)
      for (Real& value : of_term) value = 0;
    fetch(0, thread, s);
    put(0, thread, shared, s);
  }
  GRADZONE_HOST_DEVICE void step(int slice, Index, int thread, Shared& shared, State& s) const {
    const int left = s.work.terms.count - slice * depth;
    if (left > depth) fetch((slice + 1) * depth, thread, s);
    const auto& a = shared.a[slice % 2];
    const Real* b = shared.b[slice % 2][thread / rows];
    const auto add = [&](int k) { s.sum = F::fma(b[k], a[k][thread % rows], s.sum); };
    if (left >= depth) {
      GRADZONE_UNROLL
      for (int k = 0; k < depth; ++k) add(k);
    } else {
      for (int k = 0; k < left; ++k) add(k);
    }
    if (left > depth) put(slice + 1, thread, shared, s);
  }
  GRADZONE_HOST_DEVICE void end(Index, int thread, Shared&, State& s) const {
    const int row = thread % rows, column = thread / rows;
    if (row < s.work.rows && column < s.work.columns)
      s.work.out[row * s.work.out_stride + column] = problem.store(s.sum);
  }
};

}  // namespace gradzone::device
