// Sums of products of integers, exact and so the same in any order: digits of multiword numbers, and
// residues.
//
// A block computes a tile of sums over a chunk of the terms, short enough for 64 bits in every accumulator; a
// second body (digits_of, residues_of) adds the chunks up. What lies in the padding counts as zero.
#pragma once

#include <cstdint>

#include "gradzone/kernels/cuda/bodies/convolution_sums.hpp"
#include "gradzone/kernels/cuda/launch.hpp"

namespace gradzone::device {

__extension__ using Wide = __int128;

/// Digits of 52 bits, |digit| <= 2^51, in two halves: three products of 32 bits each, all of them at most
/// 2^52.
struct DigitArithmetic {
  using Value = std::int64_t;
  using Total = Wide;
  struct alignas(8) Packed {
    int high, low;
  };
  /// What a thread multiplies: h h', l l' and (h + l)(h' + l'), whose excess over the others is h l' + l h'.
  struct Factor {
    int high, low, both;
  };
  struct Sum {
    std::int64_t high, low, both;
  };
  static constexpr int half_bits = 26;
  static constexpr int longest = 2047;  ///< products that an accumulator holds

  GRADZONE_HOST_DEVICE static Packed pack(Value digit) {
    constexpr std::int64_t half = std::int64_t{1} << (half_bits - 1);
    const std::int64_t high = (digit + half) >> half_bits;
    return {static_cast<int>(high), static_cast<int>(digit - (high << half_bits))};
  }
  GRADZONE_HOST_DEVICE static Factor factor(const Packed& p) { return {p.high, p.low, p.high + p.low}; }
  GRADZONE_HOST_DEVICE static void add_product(const Factor& a, const Factor& b, Sum& sum) {
    sum.high += static_cast<std::int64_t>(a.high) * b.high;
    sum.low += static_cast<std::int64_t>(a.low) * b.low;
    sum.both += static_cast<std::int64_t>(a.both) * b.both;
  }
  GRADZONE_HOST_DEVICE static Total total(const Sum& s) {
    const Wide middle = Wide{s.both} - s.high - s.low;
    return (Wide{s.high} * (Wide{1} << half_bits) + middle) * (Wide{1} << half_bits) + s.low;
  }
};

/// Residues below 2^24 in magnitude.
struct ResidueArithmetic {
  using Value = std::int32_t;
  using Total = std::int64_t;
  using Packed = std::int32_t;
  using Factor = std::int32_t;
  using Sum = std::int64_t;
  static constexpr int longest = (1 << 15) - 1;

  GRADZONE_HOST_DEVICE static Packed pack(Value r) { return r; }
  GRADZONE_HOST_DEVICE static Factor factor(Packed p) { return p; }
  GRADZONE_HOST_DEVICE static void add_product(Factor a, Factor b, Sum& sum) {
    sum += static_cast<std::int64_t>(a) * b;
  }
  GRADZONE_HOST_DEVICE static Total total(Sum s) { return s; }
};

/// A factor: planes of values, most significant first.
template <class Value>
struct Planes {
  const Value* values;
  int count;
  Index entries;  ///< how far planes are apart
};

/// How the terms are cut into chunks, and the sums by place i + j of the planes they multiply. Totals are
/// [chunks][places][rows][columns].
struct Cut {
  int places, chunks, chunk;  ///< chunk: terms

  GRADZONE_HOST_DEVICE Index sums() const { return static_cast<Index>(places) * chunks; }
};

/// Problem: rows, columns, terms; a(row, term) and b(column, term) are offsets in a plane, or -1 for zero;
/// b_along_terms says whether terms (or else columns) are neighbours in b. Terms are neighbours in a.
template <class Arithmetic, class Problem>
struct IntegerProducts {
  using Value = typename Arithmetic::Value;
  using Packed = typename Arithmetic::Packed;
  static constexpr int threads = 256, tile = 64, depth = 16;
  static constexpr int side = 4;  ///< rows and columns of a thread
  static constexpr int loads = tile * depth / threads;

  /// What is read at once.
  struct alignas(2 * sizeof(Packed)) Two {
    Packed v[2];
  };
  struct alignas(16) Shared {
    // Padding, so that terms written side by side do not meet in one bank.
    Two a[2][depth][tile / 2 + 1], b[2][depth][tile / 2 + 1];
  };
  struct State {
    typename Arithmetic::Sum sum[side][side];
    Value a[loads], b[loads];          ///< on their way to shared memory
    int a_at[loads], b_at[loads];      ///< offsets of the slice that is read
    int first_row, first_column;       ///< of the block
    int first_term, last_term, place;  ///< of the block, too
    int first_pair, pairs;             ///< planes i = first_pair ... of a go with planes place - i of b
  };

  Problem problem;
  Planes<Value> a, b;
  Cut cut;
  typename Arithmetic::Total* totals;

  GRADZONE_HOST_DEVICE int row_tiles() const { return (problem.rows + tile - 1) / tile; }
  GRADZONE_HOST_DEVICE int column_tiles() const { return (problem.columns + tile - 1) / tile; }
  GRADZONE_HOST_DEVICE Index blocks() const { return cut.sums() * row_tiles() * column_tiles(); }

  /// Which item and term of a slice load i of a thread fetches.
  struct Spot {
    int item, term;
  };
  GRADZONE_HOST_DEVICE static Spot spot(int thread, int i, bool along_terms) {
    const int u = thread + i * threads;
    return along_terms ? Spot{u / depth, u % depth} : Spot{u % tile, u / tile};
  }

  /// Where the terms from `first` on are.
  GRADZONE_HOST_DEVICE void locate(int first, int thread, State& s) const {
    GRADZONE_UNROLL
    for (int i = 0; i < loads; ++i) {
      const Spot at_a = spot(thread, i, true), at_b = spot(thread, i, Problem::b_along_terms);
      const int row = s.first_row + at_a.item, column = s.first_column + at_b.item;
      const int term_a = first + at_a.term, term_b = first + at_b.term;
      s.a_at[i] = row < problem.rows && term_a < s.last_term ? problem.a(row, term_a) : -1;
      s.b_at[i] = column < problem.columns && term_b < s.last_term ? problem.b(column, term_b) : -1;
    }
  }
  GRADZONE_HOST_DEVICE void fetch(int pair, State& s) const {
    const Value* const from_a = a.values + (s.first_pair + pair) * a.entries;
    const Value* const from_b = b.values + (s.place - s.first_pair - pair) * b.entries;
    GRADZONE_UNROLL
    for (int i = 0; i < loads; ++i) {
      s.a[i] = s.a_at[i] < 0 ? 0 : from_a[s.a_at[i]];
      s.b[i] = s.b_at[i] < 0 ? 0 : from_b[s.b_at[i]];
    }
  }
  GRADZONE_HOST_DEVICE static void put(int slice, int thread, Shared& shared, const State& s) {
    GRADZONE_UNROLL
    for (int i = 0; i < loads; ++i) {
      const Spot at_a = spot(thread, i, true), at_b = spot(thread, i, Problem::b_along_terms);
      shared.a[slice % 2][at_a.term][at_a.item / 2].v[at_a.item % 2] = Arithmetic::pack(s.a[i]);
      shared.b[slice % 2][at_b.term][at_b.item / 2].v[at_b.item % 2] = Arithmetic::pack(s.b[i]);
    }
  }

  /// Row and column i of a thread in the tile: neighbouring pairs, so that a warp, 4 x 8 threads, reads
  /// shared memory in whole lines.
  GRADZONE_HOST_DEVICE static int row_of(int thread, int i) {
    return (thread / 64 * 4 + thread % 32 / 8) * side + i;
  }
  GRADZONE_HOST_DEVICE static int column_of(int thread, int i) {
    return thread / 32 % 2 * 32 + thread % 8 * 2 + i / 2 * 16 + i % 2;
  }

  GRADZONE_HOST_DEVICE int steps(Index, const State& s) const {
    return (s.last_term - s.first_term + depth - 1) / depth * s.pairs;
  }
  GRADZONE_HOST_DEVICE void begin(Index block, int thread, Shared& shared, State& s) const {
    const int column_tile = static_cast<int>(block % column_tiles());
    block /= column_tiles();
    const int row_tile = static_cast<int>(block % row_tiles());
    block /= row_tiles();
    const int chunk = static_cast<int>(block % cut.chunks);
    // Places with the most products come first.
    s.place = cut.places - 1 - static_cast<int>(block / cut.chunks);
    s.first_row = row_tile * tile;
    s.first_column = column_tile * tile;
    s.first_term = chunk * cut.chunk;
    s.last_term = s.first_term + cut.chunk < problem.terms ? s.first_term + cut.chunk : problem.terms;
    s.first_pair = s.place < b.count ? 0 : s.place - b.count + 1;
    s.pairs = (s.place < a.count ? s.place + 1 : a.count) - s.first_pair;
    for (auto& row : s.sum)
      for (auto& sum : row) sum = {};
    locate(s.first_term, thread, s);
    fetch(0, s);
    put(0, thread, shared, s);
  }
  GRADZONE_HOST_DEVICE void step(int at, Index, int thread, Shared& shared, State& s) const {
    const bool more = at + 1 < steps(0, s);
    if (more) {
      const int slice = (at + 1) / s.pairs, pair = (at + 1) % s.pairs;
      if (pair == 0) locate(s.first_term + slice * depth, thread, s);
      fetch(pair, s);
    }
    GRADZONE_UNROLL
    for (int k = 0; k < depth; ++k) multiply(shared.a[at % 2][k], shared.b[at % 2][k], thread, s);
    if (more) put(at + 1, thread, shared, s);
  }
  GRADZONE_HOST_DEVICE static void multiply(const Two* rows, const Two* columns, int thread, State& s) {
    typename Arithmetic::Factor x[side], y[side];
    GRADZONE_UNROLL
    for (int i = 0; i < side; i += 2) {
      const Two row = rows[row_of(thread, i) / 2], column = columns[column_of(thread, i) / 2];
      GRADZONE_UNROLL
      for (int k = 0; k < 2; ++k) {
        x[i + k] = Arithmetic::factor(row.v[k]);
        y[i + k] = Arithmetic::factor(column.v[k]);
      }
    }
    GRADZONE_UNROLL
    for (int r = 0; r < side; ++r) {
      GRADZONE_UNROLL
      for (int c = 0; c < side; ++c) Arithmetic::add_product(x[r], y[c], s.sum[r][c]);
    }
  }
  GRADZONE_HOST_DEVICE void end(Index, int thread, Shared&, State& s) const {
    const Index sum = static_cast<Index>(s.first_term / cut.chunk) * cut.places + s.place;
    GRADZONE_UNROLL
    for (int r = 0; r < side; ++r) {
      GRADZONE_UNROLL
      for (int c = 0; c < side; ++c) {
        const int row = s.first_row + row_of(thread, r), column = s.first_column + column_of(thread, c);
        if (row >= problem.rows || column >= problem.columns) continue;
        totals[(sum * problem.rows + row) * problem.columns + column] = Arithmetic::total(s.sum[r][c]);
      }
    }
  }
};

/// Where digit planes go: digits of weights 2^52 (with carry_plane), 1, 2^-52, ..., the first of them
/// unbounded, the others balanced. Those beyond `planes` only set `below` if one is not zero.
struct DigitPlanes {
  std::int64_t* values;
  Index entries;
  int planes, limbs;
  bool carry_plane;
  int* below;
};

/// The sums as digits, for every i < rows * columns.
template <class Problem>
struct DigitsOf {
  Problem problem;
  Cut cut;
  const Wide* totals;
  DigitPlanes out;

  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    constexpr int limb_bits = 52;
    constexpr Wide half = Wide{1} << (limb_bits - 1);
    const Index sums = static_cast<Index>(problem.rows) * problem.columns;
    const Index to =
        problem.out(static_cast<int>(i / problem.columns), static_cast<int>(i % problem.columns));
    const auto store = [&](int plane, std::int64_t digit) {
      if (plane < out.planes) {
        out.values[plane * out.entries + to] = digit;
      } else if (digit != 0) {
        *out.below = 1;
      }
    };
    const int front = out.carry_plane ? 1 : 0;
    Wide carry = 0;
    for (int place = out.limbs - 1; place >= 0; --place) {
      Wide digit = carry;
      if (place < cut.places) {
        for (int chunk = 0; chunk < cut.chunks; ++chunk)
          digit += totals[(static_cast<Index>(chunk) * cut.places + place) * sums + i];
      }
      carry = (digit + half) >> limb_bits;
      store(place + 1 + front, static_cast<std::int64_t>(digit - carry * (Wide{1} << limb_bits)));
    }
    if (out.carry_plane) {
      const Wide above = (carry + half) >> limb_bits;
      store(1, static_cast<std::int64_t>(carry - above * (Wide{1} << limb_bits)));
      carry = above;
    }
    store(0, static_cast<std::int64_t>(carry));
  }
};

/// The sums as residues of least magnitude, plus a bias of the row's (or null).
template <class Problem>
struct ResiduesOf {
  Problem problem;
  Cut cut;
  const std::int64_t* totals;
  const std::int32_t* bias;
  std::int32_t prime;
  std::int32_t* out;

  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    const Index sums = static_cast<Index>(problem.rows) * problem.columns;
    const int row = static_cast<int>(i / problem.columns), column = static_cast<int>(i % problem.columns);
    std::int64_t sum = bias ? bias[row] : 0;
    for (int chunk = 0; chunk < cut.chunks; ++chunk) sum += totals[chunk * sums + i] % prime;
    sum %= prime;
    sum -= sum > prime / 2 ? prime : 0;
    sum += sum < -(prime / 2) ? prime : 0;
    out[problem.out(row, column)] = static_cast<std::int32_t>(sum);
  }
};

}  // namespace gradzone::device
