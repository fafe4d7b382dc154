#include "gradzone/exact/fast/products.hpp"

#include <tbb/enumerable_thread_specific.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "gradzone/base/parallel.hpp"
#include "gradzone/exact/fast/product_operands.hpp"

namespace gradzone {
namespace {

std::atomic<const ProductKernel*> chosen_kernel = nullptr;

/// A matrix product: sums[row][column] = sum over k of rows(row, k) columns(column, k).
struct Task {
  Index rows, columns;
  int row_limbs, column_limbs, limbs;
  std::vector<Piece> pieces;

  /// Contractions of several pieces may need one more digit in front.
  bool has_carry_plane() const { return pieces.size() > 1; }
  Index blocks() const { return (rows + rows_per_block - 1) / rows_per_block; }
};

/// Pieces of whole `step`s (or of single ones where a step is longer than a piece).
std::vector<Piece> cut(Index depth, Index step) {
  const Index longest = step >= most_depth ? most_depth : most_depth / step * step;
  std::vector<Piece> out;
  for (Index begin = 0; begin < depth; begin += longest)
    out.push_back({begin, std::min(longest, depth - begin)});
  return out;
}

/// Sums of the blocks of a unit of work: planes -1 ... limbs each, the first one for what long contractions
/// carry.
class BlockSums {
 public:
  void resize(Index blocks, int limbs, Index lanes) {
    limbs_ = limbs;
    size_ = rows_per_block * lanes;
    words_.resize(static_cast<std::size_t>(blocks * (limbs + 2) * size_));
  }
  /// Planes 0 ... limbs of a block.
  std::int64_t* planes(Index block) { return words_.data() + (block * (limbs_ + 2) + 1) * size_; }
  /// Balances what a piece added, so that more can follow; the first one makes plane -1.
  void carry(Index block, bool add) {
    if (!add) std::fill_n(planes(block) - size_, size_, std::int64_t{0});
    for (int q = limbs_; q >= 0; --q) {
      std::int64_t* here = planes(block) + q * size_;
      for (Index i = 0; i < size_; ++i) {
        const std::int64_t carry = (here[i] + (std::int64_t{1} << (limb_bits - 1))) >> limb_bits;
        here[i] -= carry * (std::int64_t{1} << limb_bits);
        here[i - size_] += carry;
      }
    }
  }

 private:
  int limbs_ = 0;
  Index size_ = 0;
  DigitVector words_;
};

/// Where the pieces of an operand's items (`width` of them together) are in memory.
struct PackLayout {
  PackLayout(const std::vector<Piece>& pieces, int operand_limbs, Index items_together)
      : limbs(operand_limbs), width(items_together) {
    for (const Piece& piece : pieces) {
      offsets.push_back(words);
      words += (piece.depth + 1) * limbs * width;
    }
  }
  int limbs;
  Index width;
  std::vector<Index> offsets;  ///< of each piece
  Index words = 0;             ///< of all pieces
};

/// All items of an operand, `width` after `width`, with all their pieces.
template <class Pack>
DigitVector pack_all(const ProductKernel& kernel, const std::vector<Piece>& pieces, const PackLayout& layout,
                     Index items, const Pack& pack) {
  const Index blocks = (items + layout.width - 1) / layout.width;
  DigitVector out;
  out.resize(static_cast<std::size_t>(blocks * layout.words));
  parallel_for(blocks, [&](Index block) {
    const Index first = block * layout.width, count = std::min(layout.width, items - first);
    for (std::size_t p = 0; p < pieces.size(); ++p) {
      std::int64_t* const to = out.data() + block * layout.words + layout.offsets[p];
      pack(first, count, layout.width, pieces[p], to);
      kernel.encode(to, pieces[p].depth, layout.limbs, layout.width);
    }
  });
  return out;
}

/// What a unit of work covers: some panels of columns and some blocks of rows.
struct Unit {
  Index first_panel, panels, first_block, blocks;
};

/// A few panels go together, so that rows are read once for all of them; enough units for a few threads.
std::vector<Unit> units_of(Index panels, Index blocks) {
  constexpr Index enough = 16;
  const Index together = std::clamp<Index>(panels / enough, 1, 4);
  const Index groups = (panels + together - 1) / together;
  const Index shares = std::min(blocks, (enough + groups - 1) / groups);
  std::vector<Unit> out;
  for (Index g = 0; g < groups; ++g)
    for (Index s = 0; s < shares; ++s) {
      const Index begin = s * blocks / shares, end = (s + 1) * blocks / shares;
      out.push_back({g * together, std::min(together, panels - g * together), begin, end - begin});
    }
  return out;
}

/// Runs a task on packed rows; store(first row, rows, first column, columns, sums, lanes, plane) is called
/// for every block and every plane of the result. Columns are packed panel by panel where they are needed,
/// unless `packed_columns` has them all.
template <class PackColumns, class Store>
void run(const Task& task, const DigitVector& rows, const DigitVector* packed_columns,
         const PackColumns& pack_columns, const Store& store) {
  const ProductKernel& kernel = product_kernel();
  const PackLayout row_layout(task.pieces, task.row_limbs, rows_per_block),
      column_layout(task.pieces, task.column_limbs, kernel.lanes);
  const std::vector<Unit> units = units_of((task.columns + kernel.lanes - 1) / kernel.lanes, task.blocks());
  const Index piece_words = (most_depth + 1) * task.column_limbs * kernel.lanes;
  struct Scratch {
    DigitVector columns;
    BlockSums sums;
  };
  tbb::enumerable_thread_specific<Scratch> scratch;
  parallel_for(static_cast<Index>(units.size()), [&](Index u) {
    const Unit& unit = units[static_cast<std::size_t>(u)];
    Scratch& own = scratch.local();
    DigitVector& columns = own.columns;
    BlockSums& sums = own.sums;
    if (!packed_columns) columns.resize(static_cast<std::size_t>(unit.panels * piece_words));
    sums.resize(unit.panels * unit.blocks, task.limbs, kernel.lanes);
    for (std::size_t p = 0; p < task.pieces.size(); ++p) {
      const auto panel = [&](Index v) -> std::int64_t* { return columns.data() + v * piece_words; };
      for (Index v = 0; v < unit.panels && !packed_columns; ++v) {
        const Index first = (unit.first_panel + v) * kernel.lanes;
        pack_columns(first, std::min(kernel.lanes, task.columns - first), kernel.lanes, task.pieces[p],
                     panel(v));
        kernel.encode(panel(v), task.pieces[p].depth, task.column_limbs, kernel.lanes);
      }
      for (Index b = 0; b < unit.blocks; ++b)
        for (Index v = 0; v < unit.panels; ++v) {
          const std::int64_t* from = packed_columns ? packed_columns->data() +
                                                          (unit.first_panel + v) * column_layout.words +
                                                          column_layout.offsets[p]
                                                    : panel(v);
          kernel.multiply(rows.data() + (unit.first_block + b) * row_layout.words + row_layout.offsets[p],
                          task.row_limbs, from, task.column_limbs, task.pieces[p].depth, task.limbs, p > 0,
                          sums.planes(b * unit.panels + v));
          if (task.has_carry_plane()) sums.carry(b * unit.panels + v, p > 0);
        }
    }
    const int first_plane = task.has_carry_plane() ? -1 : 0;
    for (Index b = 0; b < unit.blocks; ++b)
      for (Index v = 0; v < unit.panels; ++v) {
        const Index row = (unit.first_block + b) * rows_per_block,
                    column = (unit.first_panel + v) * kernel.lanes;
        for (int q = first_plane; q <= task.limbs; ++q)
          store(row, std::min(rows_per_block, task.rows - row), column,
                std::min(kernel.lanes, task.columns - column),
                sums.planes(b * unit.panels + v) + q * rows_per_block * kernel.lanes, kernel.lanes,
                q - first_plane);
      }
  });
}

/// What is left out of a term, in units of 2^(-52 limbs): digit products of at most 2^102 each, those at
/// place `limbs` a quarter of a unit, the others next to nothing.
double dropped(int a, int b, int limbs) {
  double units = 0;
  for (int i = 0; i < a; ++i)
    for (int j = std::max(0, limbs - i); j < b; ++j) units += i + j == limbs ? 0.25 : 0x1p-53;
  return units;
}

FixedSums sums_of(const Shape& shape, Index blocks, const Task& task, Index depth) {
  FixedSums out(shape, task.limbs + (task.has_carry_plane() ? 2 : 1), blocks);
  if (task.has_carry_plane()) std::fill(out.exponent.begin(), out.exponent.end(), limb_bits);
  out.error =
      dropped(task.row_limbs, task.column_limbs, task.limbs) * static_cast<double>(depth) * (1 + 0x1p-20);
  out.balanced = true;
  return out;
}

/// Whether all entries of a block are 0.
bool is_zero(const FixedTensor& t, std::size_t block) {
  const Index size = t.block_size(), first = static_cast<Index>(block) * size;
  for (int l = 0; l < t.limbs; ++l) {
    const std::int64_t* digits = t.plane(l) + first;
    if (std::any_of(digits, digits + size, [](std::int64_t d) { return d != 0; })) return false;
  }
  return true;
}

/// A weight packed for a kernel: kept in `packs`, or made for this once.
class PackedWeight {
 public:
  PackedWeight(const WeightPacker& weights, Index channels, const Task& task, Index width, WeightPacks* packs,
               WeightPacks::Role role) {
    const ProductKernel& kernel = product_kernel();
    const auto make = [&] {
      return pack_all(kernel, task.pieces, PackLayout(task.pieces, weights.w.limbs, width), channels,
                      weights);
    };
    if (packs) {
      words_ = &packs->get(kernel, role, make);
    } else {
      own_ = make();
      words_ = &own_;
    }
  }
  const DigitVector& words() const { return *words_; }

 private:
  DigitVector own_;
  const DigitVector* words_;
};

DeviceProducts::Out planes_of(DigitVector& digits, Index entries, int planes, const Task& task) {
  return {digits, entries, planes, task.limbs, task.has_carry_plane()};
}

/// The digits of `out` computed by the device, if it takes them.
bool on_device(const Conv2d& op, WeightPacks& packs, const FixedTensor& w, const PatchPacker& patches,
               const Task& task, Index depth, FixedSums& out) {
  DeviceProducts& device = *packs.device();
  const Shape& x_shape = patches.transposed ? out.shape : patches.source.shape;
  if (!device.takes(op, x_shape[0], x_shape[2], x_shape[3], depth, task.row_limbs, task.column_limbs,
                    task.limbs))
    return false;
  const DeviceProducts::Out planes = planes_of(out.digits, out.entries, out.planes, task);
  if (patches.transposed) {
    device.convolve_input_gradient(op, patches.source, packs.kept(w), x_shape, planes);
  } else {
    device.convolve(op, patches.source, packs.kept(w), planes);
  }
  return true;
}

/// A convolution or its input gradient: out[n, channel, pixel].
FixedSums correlate(const Conv2d& op, const WeightPacker& weights, Index channels, const PatchPacker& patches,
                    const Shape& out_shape, Index depth, int limbs, WeightPacks* packs) {
  using Role = WeightPacks::Role;
  const Index area = patches.out_h * patches.out_w, pixels = out_shape[0] * area;
  Task task{channels, pixels, weights.w.limbs, patches.source.limbs, limbs, cut(depth, weights.kernel)};
  FixedSums out = sums_of(out_shape, out_shape[0], task, depth);
  for (std::size_t n = 0; n < out.exponent.size(); ++n)
    out.exponent[n] += weights.w.exponent[0] + patches.source.exponent[n];
  if (packs && packs->device() && on_device(op, *packs, weights.w, patches, task, depth, out)) return out;
  const auto at = [&](Index channel, Index pixel) {
    return (pixel / area * channels + channel) * area + pixel % area;
  };
  const ProductKernel& kernel = product_kernel();
  // Lanes run over pixels where these fill a vector, else over channels.
  if (pixels >= kernel.lanes) {
    const PackedWeight rows(weights, channels, task, rows_per_block, packs,
                            patches.transposed ? Role::backward_rows : Role::forward_rows);
    run(task, rows.words(), nullptr, patches,
        [&](Index row, Index count, Index column, Index columns, const std::int64_t* sums, Index lanes,
            int q) {
          for (Index v = 0; v < columns; ++v) {
            std::int64_t* to = out.plane(q) + at(row, column + v);
            for (Index r = 0; r < count; ++r) to[r * area] = sums[r * lanes + v];
          }
        });
  } else {
    const PackedWeight columns(weights, channels, task, kernel.lanes, packs,
                               patches.transposed ? Role::backward_columns : Role::forward_columns);
    std::swap(task.rows, task.columns);
    std::swap(task.row_limbs, task.column_limbs);
    const DigitVector rows = pack_all(
        kernel, task.pieces, PackLayout(task.pieces, task.row_limbs, rows_per_block), pixels, patches);
    run(task, rows, &columns.words(), weights,
        [&](Index row, Index count, Index column, Index width, const std::int64_t* sums, Index lanes, int q) {
          for (Index r = 0; r < count; ++r) {
            std::int64_t* to = out.plane(q) + at(column, row + r);
            for (Index v = 0; v < width; ++v) to[v * area] = sums[r * lanes + v];
          }
        });
  }
  return out;
}

/// The sums of a weight gradient's task. Returns whether a digit beyond those of `out` is not zero.
bool sum_on_cpu(const Task& task, const FixedTensor& dy, const InputPacker& inputs, FixedTensor& out) {
  std::atomic<bool> cut_off = false;
  const DigitVector outputs =
      pack_all(product_kernel(), task.pieces, PackLayout(task.pieces, task.row_limbs, rows_per_block),
               task.rows, OutputPacker{dy});
  run(task, outputs, nullptr, inputs,
      [&](Index row, Index rows, Index column, Index columns, const std::int64_t* sums, Index lanes, int q) {
        std::int64_t below = 0;
        for (Index r = 0; r < rows; ++r) {
          const std::int64_t* from = sums + r * lanes;
          if (q >= out.limbs) {
            for (Index v = 0; v < columns; ++v) below |= from[v];
            continue;
          }
          std::int64_t* to = out.plane(q) + (row + r) * task.columns + column;
          for (Index v = 0; v < columns; ++v) to[v] = from[v];
        }
        if (below != 0) cut_off.store(true, std::memory_order_relaxed);
      });
  return cut_off;
}

}  // namespace

const ProductKernel& product_kernel() {
  const ProductKernel* kernel = chosen_kernel;
  if (!kernel) kernel = ifma_kernel() ? ifma_kernel() : fma_kernel();
  return *kernel;
}

void use_product_kernel(const ProductKernel* kernel) {
  chosen_kernel = kernel;
}

FixedSums fixed_convolve(const Conv2d& op, const FixedTensor& x, const FixedTensor& w, int limbs,
                         WeightPacks* packs) {
  const Window& win = op.window;
  const Index kernel = win.kernel_h * win.kernel_w;
  const PatchPacker patches{x, win.out_h(x.shape[2]), win.out_w(x.shape[3]), win, false};
  return correlate(op, {w, op.in_channels * kernel, kernel, kernel}, op.out_channels, patches,
                   {x.shape[0], op.out_channels, patches.out_h, patches.out_w}, op.in_channels * kernel,
                   limbs, packs);
}

FixedSums fixed_convolve_input_gradient(const Conv2d& op, const FixedTensor& dy, const FixedTensor& w,
                                        const Shape& x_shape, int limbs, WeightPacks* packs) {
  const Index kernel = op.window.kernel_h * op.window.kernel_w;
  const PatchPacker patches{dy, x_shape[2], x_shape[3], op.window, true};
  return correlate(op, {w, kernel, op.in_channels * kernel, kernel}, op.in_channels, patches, x_shape,
                   op.out_channels * kernel, limbs, packs);
}

FixedTensor fixed_convolve_weight_gradient(const Conv2d& op, const FixedTensor& x, const FixedTensor& dy,
                                           int limbs, double& error, DeviceProducts* device) {
  const Window& win = op.window;
  const Index inputs = op.in_channels * win.kernel_h * win.kernel_w;
  const Index depth = dy.shape[0] * dy.shape[2] * dy.shape[3];
  // dy in units that make every image's products count alike; zeros go with any unit.
  std::vector<std::size_t> images;
  for (std::size_t n = 0; n < dy.exponent.size(); ++n)
    if (!is_zero(dy, n) && !is_zero(x, n)) images.push_back(n);
  int largest = images.empty() ? 0 : std::numeric_limits<int>::min();
  for (const std::size_t n : images) largest = std::max(largest, x.exponent[n] + dy.exponent[n]);
  std::vector<int> units = dy.exponent;
  for (const std::size_t n : images) units[n] = largest - x.exponent[n];
  std::vector<std::uint8_t> inexact(static_cast<std::size_t>(dy.size()), 0);
  const bool aligned = units == dy.exponent;
  const FixedTensor shifted =
      aligned ? FixedTensor() : rescale(dy, std::max(dy.limbs, limbs), units, inexact.data());
  const FixedTensor& g = aligned ? dy : shifted;

  const Task task{op.out_channels, inputs, g.limbs, x.limbs, limbs, cut(depth, 1)};
  FixedTensor out = FixedTensor::unwritten({op.out_channels, op.in_channels, win.kernel_h, win.kernel_w},
                                           limbs + (task.has_carry_plane() ? 1 : 0), 1);
  out.exponent = {largest + (task.has_carry_plane() ? limb_bits : 0)};
  bool cut_off = false;
  if (device && device->takes(op, x.shape[0], x.shape[2], x.shape[3], depth, task.row_limbs,
                              task.column_limbs, task.limbs)) {
    cut_off = device->convolve_weight_gradient(op, x, g, planes_of(out.digits, out.entries, out.limbs, task));
  } else {
    cut_off = sum_on_cpu(task, g, InputPacker{x, dy.shape[2], dy.shape[3], win}, out);
  }
  // Units of the aligned dy's last place, which is there or further down, meet entries of x below 2^exponent
  // / 2.
  const bool rounded = std::any_of(inexact.begin(), inexact.end(), [](std::uint8_t f) { return f != 0; });
  error =
      (cut_off ? rounding_error : 0) +
      (dropped(task.row_limbs, task.column_limbs, limbs) + (rounded ? 0.5 : 0)) * static_cast<double>(depth);
  error *= 1 + 0x1p-20;
  return out;
}

}  // namespace gradzone
