// Sums of products, the work of convolutions and linear layers: a block computes a tile of outputs, a thread
// a few rows and columns of it in registers, each output as one chain of fused multiply-adds over its terms
// in increasing order. Terms come through shared memory, `depth` at a time: while one slice is multiplied,
// the next is on its way.
#pragma once

#include "gradzone/kernels/cuda/divisor.hpp"
#include "gradzone/kernels/cuda/launch.hpp"

namespace gradzone::device {

/// Three nested indices of terms, slowest first, and how far each takes the two factors.
struct Terms {
  int count = 0;
  Divisor middle, inner;
  int a_first = 0, b_first = 0;
  int a[3] = {}, b[3] = {};

  struct Offsets {
    int a, b;
  };
  GRADZONE_HOST_DEVICE Offsets at(int term) const {
    const int k = inner.split(term), j = middle.split(term);
    return {a_first + term * a[0] + j * a[1] + k * a[2], b_first + term * b[0] + j * b[1] + k * b[2]};
  }
};

/// A block's work: out[row][column] = sum over terms of a[row][term] * b[term][column].
template <class Real>
struct Work {
  Terms terms;
  const Real *a, *b;
  Real* out;
  const Real* bias;            ///< of the columns, or null
  Index a_stride, out_stride;  ///< from row to row
  int rows, columns;           ///< up to the tile's
};

/// 16 bytes, the widest access.
template <class Real>
struct alignas(16) Vector {
  static constexpr int size = 16 / static_cast<int>(sizeof(Real));
  Real v[size];
};

/// `valid` neighbours from p on; `whole`: they come in whole aligned vectors.
template <class Real>
GRADZONE_HOST_DEVICE Vector<Real> load_vector(const Real* p, int valid, bool whole) {
  using V = Vector<Real>;
  if (whole && valid >= V::size) return *reinterpret_cast<const V*>(p);
  V out;
  for (int i = 0; i < V::size; ++i) out.v[i] = i < valid ? p[i] : Real(0);
  return out;
}

/// Outputs of a block and of a thread, terms of a step in vectors, and blocks that a multiprocessor holds at
/// least (at most so many registers are used). Warps are 4 x 8 threads.
template <int rows_in, int columns_in, int thread_rows_in, int thread_columns_in, int depth_in,
          int resident_in>
struct Tile {
  static constexpr int depth = depth_in, resident = resident_in;
  static constexpr int rows = rows_in, columns = columns_in;
  static constexpr int thread_rows = thread_rows_in, thread_columns = thread_columns_in;
  static constexpr int threads = rows / thread_rows * (columns / thread_columns);
  static constexpr int warps_across = columns / thread_columns / 8;
};

/// Problem: a_along_terms says whether terms (or else rows) are neighbours in a; vector_a and vector_b
/// whether the neighbours in a, and in b and the output, come in whole aligned vectors; work(block, rows,
/// columns) is the Work of a block with such a tile; store(sum) is what is written.
template <class F, class TileShape, class Problem>
struct Products {
  using Real = typename F::Real;
  using V = Vector<Real>;
  static constexpr int threads = TileShape::threads;
  static constexpr int rows = TileShape::rows, columns = TileShape::columns;
  static constexpr int thread_rows = TileShape::thread_rows, thread_columns = TileShape::thread_columns;
  static constexpr int depth = TileShape::depth * V::size;
  /// Formats with 8 bytes need twice the registers.
  static constexpr int resident_blocks = sizeof(Real) == 4 ? TileShape::resident : 1;
  static constexpr int pieces = thread_columns / V::size;  ///< of a thread's columns, far apart
  static constexpr int loads_a = rows * TileShape::depth / threads,
                       loads_b = columns * TileShape::depth / threads;
  static_assert(loads_a * threads == rows * TileShape::depth &&
                loads_b * threads == columns * TileShape::depth);
  // Padding, so that terms written side by side do not meet in one bank.
  static constexpr int row_pitch = rows + (Problem::a_along_terms ? V::size : 0);

  struct alignas(16) Shared {
    Real a[2][depth][row_pitch];
    Real b[2][depth][columns];
  };
  struct State {
    Work<Real> work;
    Real sum[thread_rows][thread_columns];
    V a[loads_a], b[loads_b];
    int row, column;  ///< the thread's first ones
  };

  Problem problem;

  /// Where load i of this thread goes: a vector along `row` from `term`, or along terms.
  struct Spot {
    int term, at;
  };
  GRADZONE_HOST_DEVICE static Spot spot_a(int thread, int i) {
    const int u = thread + i * threads;
    if constexpr (Problem::a_along_terms) return {u % TileShape::depth * V::size, u / TileShape::depth};
    return {u / (rows / V::size), u % (rows / V::size) * V::size};
  }
  GRADZONE_HOST_DEVICE static Spot spot_b(int thread, int i) {
    const int u = thread + i * threads;
    return {u / (columns / V::size), u % (columns / V::size) * V::size};
  }

  GRADZONE_HOST_DEVICE void fetch(int first_term, int thread, State& s) const {
    const Work<Real>& w = s.work;
    GRADZONE_UNROLL
    for (int i = 0; i < loads_a; ++i) {
      const Spot spot = spot_a(thread, i);
      const int term = first_term + spot.term;
      if constexpr (Problem::a_along_terms) {
        s.a[i] = spot.at < w.rows ? fetch_terms(w, spot.at, term) : V{};
      } else {
        s.a[i] = term < w.terms.count
                     ? load_vector(w.a + w.terms.at(term).a + spot.at, w.rows - spot.at, problem.vector_a)
                     : V{};
      }
    }
    GRADZONE_UNROLL
    for (int i = 0; i < loads_b; ++i) {
      const Spot spot = spot_b(thread, i);
      const int term = first_term + spot.term;
      s.b[i] = term < w.terms.count
                   ? load_vector(w.b + w.terms.at(term).b + spot.at, w.columns - spot.at, problem.vector_b)
                   : V{};
    }
  }
  /// A row's terms from `term` on.
  GRADZONE_HOST_DEVICE V fetch_terms(const Work<Real>& w, int row, int term) const {
    const Real* from = w.a + row * w.a_stride;
    if (problem.vector_a && term < w.terms.count)
      return load_vector(from + w.terms.at(term).a, V::size, true);
    V out;
    for (int i = 0; i < V::size; ++i)
      out.v[i] = term + i < w.terms.count ? from[w.terms.at(term + i).a] : Real(0);
    return out;
  }
  GRADZONE_HOST_DEVICE void put(int slice, int thread, Shared& shared, const State& s) const {
    GRADZONE_UNROLL
    for (int i = 0; i < loads_a; ++i) {
      const Spot spot = spot_a(thread, i);
      if constexpr (Problem::a_along_terms) {
        for (int k = 0; k < V::size; ++k) shared.a[slice % 2][spot.term + k][spot.at] = s.a[i].v[k];
      } else {
        *reinterpret_cast<V*>(&shared.a[slice % 2][spot.term][spot.at]) = s.a[i];
      }
    }
    GRADZONE_UNROLL
    for (int i = 0; i < loads_b; ++i) {
      const Spot spot = spot_b(thread, i);
      *reinterpret_cast<V*>(&shared.b[slice % 2][spot.term][spot.at]) = s.b[i];
    }
  }

  GRADZONE_HOST_DEVICE int steps(Index, const State& s) const {
    return (s.work.terms.count + depth - 1) / depth;
  }
  GRADZONE_HOST_DEVICE void begin(Index block, int thread, Shared& shared, State& s) const {
    s.work = problem.work(block, rows, columns);
    const int warp = thread / 32, lane = thread % 32;
    s.row = (warp / TileShape::warps_across * 4 + lane / 8) * thread_rows;
    s.column = warp % TileShape::warps_across * 8 * thread_columns + lane % 8 * V::size;
    for (auto& row : s.sum)
      for (Real& sum : row) sum = 0;
    fetch(0, thread, s);
    put(0, thread, shared, s);
  }
  GRADZONE_HOST_DEVICE void step(int slice, Index, int thread, Shared& shared, State& s) const {
    const int left = s.work.terms.count - slice * depth;
    if (left > depth) fetch((slice + 1) * depth, thread, s);
    if (left >= depth) {
      GRADZONE_UNROLL
      for (int k = 0; k < depth; ++k) multiply(slice % 2, k, shared, s);
    } else {
      for (int k = 0; k < left; ++k) multiply(slice % 2, k, shared, s);
    }
    if (left > depth) put(slice + 1, thread, shared, s);
  }
  GRADZONE_HOST_DEVICE static void multiply(int slice, int k, const Shared& shared, State& s) {
    V a[thread_rows / V::size], b[pieces];
    GRADZONE_UNROLL
    for (int i = 0; i < thread_rows / V::size; ++i)
      a[i] = *reinterpret_cast<const V*>(&shared.a[slice][k][s.row + i * V::size]);
    GRADZONE_UNROLL
    for (int i = 0; i < pieces; ++i)
      b[i] = *reinterpret_cast<const V*>(&shared.b[slice][k][s.column + i * 8 * V::size]);
    GRADZONE_UNROLL
    for (int r = 0; r < thread_rows; ++r) {
      GRADZONE_UNROLL
      for (int c = 0; c < thread_columns; ++c)
        s.sum[r][c] = F::fma(b[c / V::size].v[c % V::size], a[r / V::size].v[r % V::size], s.sum[r][c]);
    }
  }
  GRADZONE_HOST_DEVICE void end(Index, int, Shared&, State& s) const {
    const Work<Real>& w = s.work;
    GRADZONE_UNROLL
    for (int i = 0; i < pieces; ++i) {
      const int column = s.column + i * 8 * V::size, valid = w.columns - column;
      V bias = {};
      if (w.bias && valid > 0) bias = load_vector(w.bias + column, valid, false);
      GRADZONE_UNROLL
      for (int r = 0; r < thread_rows; ++r) {
        if (s.row + r >= w.rows) continue;
        V result;
        GRADZONE_UNROLL
        for (int c = 0; c < V::size; ++c) {
          const Real sum = s.sum[r][i * V::size + c];
          result.v[c] = problem.store(w.bias ? F::add(sum, bias.v[c]) : sum);
        }
        Real* to = w.out + (s.row + r) * w.out_stride + column;
        if (problem.vector_b && valid >= V::size) {
          *reinterpret_cast<V*>(to) = result;
        } else {
          for (int c = 0; c < V::size && c < valid; ++c) to[c] = result.v[c];
        }
      }
    }
  }
};

}  // namespace gradzone::device
