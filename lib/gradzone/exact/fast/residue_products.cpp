// Two inner loops do all the work: dots, vectorised along the contraction, where both operands lie along it,
// and combinations of rows, vectorised along the rows. This file is compiled once per SIMD target.
#include "gradzone/exact/fast/residue_products.hpp"

#include <algorithm>
#include <vector>

#include "gradzone/kernels/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradzone/exact/fast/residue_products.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, which sets the target.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Doubles = hn::ScalableTag<double>;
using Vector = hn::Vec<Doubles>;

HWY_INLINE Vector load(const double* p) {
  return hn::LoadU(Doubles(), p);
}
HWY_INLINE Vector load(const Residue* p) {
  return hn::PromoteTo(Doubles(), hn::LoadU(hn::Rebind<Residue, Doubles>(), p));
}

/// What ResidueField::reduce does, less the last step: the result is congruent and at most p in magnitude.
class Reducer {
 public:
  explicit Reducer(const ResidueField& field)
      : prime_(hn::Set(Doubles(), field.prime())), reciprocal_(hn::Set(Doubles(), field.reciprocal())) {}
  Vector operator()(Vector x) const { return hn::NegMulAdd(hn::Round(hn::Mul(x, reciprocal_)), prime_, x); }

 private:
  Vector prime_, reciprocal_;
};

/// out[r * out_stride + c] = sum over k < depth of a[r * a_stride + k] b[c * b_stride + k]. Both are read in
/// whole vectors: where a goes on beyond depth, b is zero.
template <int R, int C>
void dot_block(const ResidueField& field, const Residue* a, Index a_stride, const double* b, Index b_stride,
               Index depth, Residue* out, Index out_stride) {
  const Doubles d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const Reducer reduce(field);
  Vector sum[R][C];
  for (auto& row : sum)
    for (Vector& s : row) s = hn::Zero(d);
  for (Index k = 0; k < depth;) {
    const Index stop = std::min(depth, k + residue_products * lanes);
    for (; k < stop; k += lanes) {
      Vector y[C];
      for (int c = 0; c < C; ++c) y[c] = load(b + c * b_stride + k);
      for (int r = 0; r < R; ++r) {
        const Vector x = load(a + r * a_stride + k);
        for (int c = 0; c < C; ++c) sum[r][c] = hn::MulAdd(x, y[c], sum[r][c]);
      }
    }
    for (auto& row : sum)
      for (Vector& s : row) s = reduce(s);
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c)
      out[r * out_stride + c] = field.reduce(hn::GetLane(hn::SumOfLanes(d, sum[r][c])));
}

/// out[r][j] = sum over k < depth of a[r + k * R] b[k * b_stride + j], j < V vectors; not quite reduced.
template <int R, int V, class Entry>
void combine_block(const ResidueField& field, const double* a, const Entry* b, Index b_stride, Index depth,
                   double* out) {
  const Doubles d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const Reducer reduce(field);
  Vector sum[R][V];
  for (auto& row : sum)
    for (Vector& s : row) s = hn::Zero(d);
  for (Index k = 0; k < depth;) {
    const Index stop = std::min(depth, k + residue_products);
    for (; k < stop; ++k, a += R, b += b_stride) {
      Vector y[V];
      for (int v = 0; v < V; ++v) y[v] = load(b + v * lanes);
      for (int r = 0; r < R; ++r) {
        const Vector x = hn::Set(d, a[r]);
        for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(x, y[v], sum[r][v]);
      }
    }
    for (auto& row : sum)
      for (Vector& s : row) s = reduce(s);
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) hn::StoreU(sum[r][v], d, out + (r * V + v) * lanes);
}

/// Calls block(first, width) on [0, count) in blocks of four and then of one, width as a constant.
template <class Block>
void in_fours(Index count, const Block& block) {
  Index i = 0;
  for (; i + 4 <= count; i += 4) block(i, std::integral_constant<int, 4>());
  for (; i < count; ++i) block(i, std::integral_constant<int, 1>());
}

/// out[r * out_stride + c] = the dot product of row r of a and row c of b.
void dots(const ResidueField& field, const Residue* a, Index rows, Index a_stride, const double* b,
          Index columns, Index b_stride, Index depth, Residue* out, Index out_stride) {
  in_fours(rows, [&](Index r, auto height) HWY_ATTR {
    in_fours(columns, [&](Index c, auto width) HWY_ATTR {
      dot_block<height(), width()>(field, a + r * a_stride, a_stride, b + c * b_stride, b_stride, depth,
                                   out + r * out_stride + c, out_stride);
    });
  });
}

/// Calls store(r, j, value) for the `columns` combinations of the rows of b (padded) that each of `rows`
/// columns of a[k * rows + r] makes.
template <class Entry, class Store>
void combinations(const ResidueField& field, const double* a, Index rows, const Entry* b, Index columns,
                  Index depth, const Store& store) {
  constexpr int vectors = 3;
  const Index block_width = vectors * static_cast<Index>(hn::Lanes(Doubles()));
  std::vector<double> panel(static_cast<std::size_t>(4 * depth));
  std::vector<double> sums(static_cast<std::size_t>(4 * block_width));
  in_fours(rows, [&](Index r, auto height) HWY_ATTR {
    for (Index k = 0; k < depth; ++k) std::copy_n(a + k * rows + r, height(), &panel[k * height()]);
    for (Index j = 0; j < columns; j += block_width) {
      combine_block<height(), vectors>(field, panel.data(), b + j, columns, depth, sums.data());
      const Index width = std::min(block_width, columns - j);
      for (Index i = 0; i < height(); ++i)
        for (Index l = 0; l < width; ++l) store(r + i, j + l, field.reduce(sums[i * block_width + l]));
    }
  });
}

/// combinations() of rows of residues, into out[r * columns + j].
void combine_residues(const ResidueField& field, const double* a, Index rows, const Residue* b, Index columns,
                      Index depth, Residue* out) {
  combinations(field, a, rows, b, columns, depth,
               [&](Index r, Index j, Residue value) { out[r * columns + j] = value; });
}
/// The same of rows of doubles, added to out.
void add_combinations(const ResidueField& field, const double* a, Index rows, const double* b, Index columns,
                      Index depth, Residue* out) {
  combinations(field, a, rows, b, columns, depth, [&](Index r, Index j, Residue value) {
    out[r * columns + j] = field.add(out[r * columns + j], value);
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradzone {
namespace {

HWY_EXPORT(dots);
HWY_EXPORT(combine_residues);
HWY_EXPORT(add_combinations);

using Doubles = std::vector<double>;

/// A run of positions, counted through all images, whose rows of doubles fit a second-level cache.
struct Tile {
  Index first, count;
};

/// Calls body(Tile) until all positions are done, each position taking `row` doubles.
template <class Body>
void for_each_tile(const ResidueConvolution& c, Index row, const Body& body) {
  constexpr Index doubles = 1 << 16;
  const Index all = c.images * c.positions(), most = std::max<Index>(4, doubles / row / 4 * 4);
  for (Index first = 0; first < all; first += most) body(Tile{first, std::min(most, all - first)});
}

/// Calls visit(k, offset in the image) for the entries of the patch at `position` that lie inside.
template <class Visit>
void for_each_patch_entry(const ResidueConvolution& c, Index position, const Visit& visit) {
  const Window& w = c.op.window;
  const Index h = c.in[1], width = c.in[2];
  const Index top = position / c.out_w() * w.stride_h - w.padding_h;
  const Index left = position % c.out_w() * w.stride_w - w.padding_w;
  const Index first_p = std::max<Index>(0, -top), last_p = std::min(w.kernel_h, h - top);
  const Index first_q = std::max<Index>(0, -left), last_q = std::min(w.kernel_w, width - left);
  for (Index channel = 0; channel < c.op.in_channels; ++channel)
    for (Index p = first_p; p < last_p; ++p) {
      const Index k = (channel * w.kernel_h + p) * w.kernel_w;
      const Index row = (channel * h + top + p) * width + left;
      for (Index q = first_q; q < last_q; ++q) visit(k + q, row + q);
    }
}

/// The patches of a tile, one a row of `stride` doubles, zeros around them.
Doubles patches(const ResidueConvolution& c, const Residue* x, Tile tile, Index stride) {
  Doubles out(static_cast<std::size_t>(tile.count * stride) + residue_padding);
  for (Index t = 0; t < tile.count; ++t) {
    const Index n = (tile.first + t) / c.positions(), at = (tile.first + t) % c.positions();
    const Residue* image = x + n * element_count(c.in);
    double* row = out.data() + t * stride;
    for_each_patch_entry(c, at, [&](Index k, Index offset) { row[k] = image[offset]; });
  }
  return out;
}

/// Calls visit(o, t, entry of [images, out, positions]) for the outputs of a tile.
template <class Visit>
void for_each_output(const ResidueConvolution& c, Tile tile, const Visit& visit) {
  const Index out = c.op.out_channels, positions = c.positions();
  for (Index o = 0; o < out; ++o)
    for (Index t = 0; t < tile.count; ++t) {
      const Index n = (tile.first + t) / positions, at = (tile.first + t) % positions;
      visit(o, t, (n * out + o) * positions + at);
    }
}

/// Whole vectors on every machine.
Index padded(Index depth) {
  constexpr Index most_lanes = 8;
  return (depth + most_lanes - 1) / most_lanes * most_lanes;
}

}  // namespace

void convolve(const ResidueField& field, const ResidueConvolution& c, const Residue* x, const Residue* w,
              std::span<const Residue> bias, Residue* y, DeviceProducts* device) {
  if (device && device->takes(c, c.depth())) return device->convolve(field, c, x, w, bias, y);
  const Index out = c.op.out_channels, depth = c.depth(), stride = padded(depth);
  std::vector<Residue> sums;
  for_each_tile(c, stride, [&](Tile tile) {
    const Doubles rows = patches(c, x, tile, stride);
    sums.resize(static_cast<std::size_t>(out * tile.count));
    HWY_DYNAMIC_DISPATCH(dots)
    (field, w, out, depth, rows.data(), tile.count, stride, depth, sums.data(), tile.count);
    for_each_output(c, tile, [&](Index o, Index t, Index at) {
      const Residue s = sums[static_cast<std::size_t>(o * tile.count + t)];
      y[at] = bias.empty() ? s : field.add(s, bias[static_cast<std::size_t>(o)]);
    });
  });
}

void convolve_input_gradient(const ResidueField& field, const ResidueConvolution& c, const Residue* dy,
                             const Residue* w, Residue* dx, DeviceProducts* device) {
  if (device && device->takes(c, c.op.out_channels * c.op.window.kernel_h * c.op.window.kernel_w))
    return device->convolve_input_gradient(field, c, dy, w, dx);
  const Index out = c.op.out_channels, depth = c.depth(), positions = c.positions();
  const Index size = element_count(c.in);
  std::vector<std::int64_t> sums(static_cast<std::size_t>(c.images * size));
  std::vector<Residue> rows;
  for_each_tile(c, depth, [&](Tile tile) {
    Doubles factors(static_cast<std::size_t>(out * tile.count));  // [out][count]
    for_each_output(c, tile, [&](Index o, Index t, Index at) {
      factors[static_cast<std::size_t>(o * tile.count + t)] = dy[at];
    });
    rows.resize(static_cast<std::size_t>(tile.count * depth));
    HWY_DYNAMIC_DISPATCH(combine_residues)(field, factors.data(), tile.count, w, depth, out, rows.data());
    for (Index t = 0; t < tile.count; ++t) {
      const Index n = (tile.first + t) / positions, at = (tile.first + t) % positions;
      const Residue* row = rows.data() + t * depth;
      std::int64_t* image = sums.data() + n * size;
      for_each_patch_entry(c, at, [&](Index k, Index offset) { image[offset] += row[k]; });
    }
  });
  std::transform(sums.begin(), sums.end(), dx, [&](std::int64_t s) { return field.from(s); });
}

void convolve_weight_gradient(const ResidueField& field, const ResidueConvolution& c, const Residue* x,
                              const Residue* dy, Residue* dw, DeviceProducts* device) {
  if (device && device->takes(c, c.images * c.positions()))
    return device->convolve_weight_gradient(field, c, x, dy, dw);
  const Index out = c.op.out_channels, depth = c.depth();
  std::fill_n(dw, out * depth, 0);
  for_each_tile(c, depth, [&](Tile tile) {
    const Doubles rows = patches(c, x, tile, depth);
    Doubles factors(static_cast<std::size_t>(tile.count * out));  // [count][out]
    for_each_output(c, tile, [&](Index o, Index t, Index at) {
      factors[static_cast<std::size_t>(t * out + o)] = dy[at];
    });
    HWY_DYNAMIC_DISPATCH(add_combinations)
    (field, factors.data(), out, rows.data(), depth, tile.count, dw);
  });
}

void project_weight_gradient(const ResidueField& field, const ResidueConvolution& c, const Residue* x,
                             const Residue* dy, const Residue* r, Residue* out) {
  const Index depth = c.depth(), stride = padded(depth);
  std::fill_n(out, c.op.out_channels, 0);
  std::vector<Residue> projected;
  for_each_tile(c, stride, [&](Tile tile) {
    const Doubles rows = patches(c, x, tile, stride);
    projected.resize(static_cast<std::size_t>(tile.count));
    HWY_DYNAMIC_DISPATCH(dots)
    (field, r, 1, depth, rows.data(), tile.count, stride, depth, projected.data(), tile.count);
    for_each_output(c, tile, [&](Index o, Index t, Index at) {
      out[o] = field.reduce(static_cast<double>(dy[at]) * projected[static_cast<std::size_t>(t)] + out[o]);
    });
  });
}

}  // namespace gradzone
#endif
