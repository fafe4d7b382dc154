// Which source pixels an output pixel of a convolution draws from, one axis at a time. The forward
// convolution and its input gradient differ in these tables only. Positions in the padding are absent.
#pragma once

#include <cstddef>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone::cpu {

/// Kernel index `kernel` meets source coordinate `source`.
struct Tap {
  Index kernel, source;
};

/// For every coordinate of the output, its taps in increasing kernel index.
using AxisTaps = std::vector<std::vector<Tap>>;

/// One axis of a window.
struct Axis {
  Index kernel, stride, padding;
};
inline Axis rows_of(const Window& w) {
  return {w.kernel_h, w.stride_h, w.padding_h};
}
inline Axis columns_of(const Window& w) {
  return {w.kernel_w, w.stride_w, w.padding_w};
}

/// Outputs of the convolution drawing from its `in` inputs.
AxisTaps forward_taps(const Axis& axis, Index in, Index out);
/// Inputs of the convolution drawing from the gradients of its `out` outputs.
AxisTaps backward_taps(const Axis& axis, Index in, Index out);

/// Images, channels last.
struct ImageShape {
  Index h, w, channels;
  Index area() const { return h * w; }
  Index size() const { return channels * h * w; }
};

/// Consecutive steps of a chain: rows panel_row, panel_row + 1, ... of a panel meet one input each, the first
/// at offset `input`.
struct Run {
  Index panel_row, input, length;
};

/// How the output pixels of `images` images are dealt to register blocks. Pixels whose taps meet the same
/// kernel positions share one list of runs and differ by an offset; a block takes `rows` of them, from one
/// image or many. Kernel position (p, q) owns the panel rows from (p * kernel_w + q) * source.channels on.
/// Runs are cut where a slice of the panel ends, so that all blocks can pass one slice before the next.
struct PixelPlan {
  struct Block {
    std::size_t pattern;  ///< index into patterns
    std::size_t first;    ///< index of the block's first entry in input_offsets and outputs
    Index count;          ///< of distinct pixels; the last one is repeated up to `rows`
  };
  struct Pattern {
    std::vector<Run> runs;
    std::vector<std::size_t> slices;  ///< runs [slices[s], slices[s + 1]) lie in slice s
  };
  std::vector<Pattern> patterns;
  std::vector<Block> blocks;
  std::vector<Index> input_offsets;  ///< of each pixel's inputs
  std::vector<Index> outputs;        ///< of each pixel's first channel
  std::size_t slices = 1;
};

PixelPlan plan_pixels(const AxisTaps& rows, const AxisTaps& columns, Index kernel_w, Index kernel_size,
                      const ImageShape& source, const ImageShape& out, Index images, Index block_rows);

/// Weight positions (kernel row, kernel column, input channel) whose gradients sum over the same rectangle of
/// output pixels. The last position is repeated until there are `block_rows` of them.
struct WeightBlock {
  std::size_t rectangle = 0;     ///< index into WeightPlan::runs
  std::vector<Index> positions;  ///< (channel * kernel_h + p) * kernel_w + q
  std::vector<Index> offsets;    ///< where output pixel (0, 0) would read its input, relative to the image
  Index count = 0;               ///< of distinct positions
};
struct WeightPlan {
  /// Of each rectangle, a run per row of it in each of `images` consecutive images.
  std::vector<std::vector<Run>> runs;
  std::vector<WeightBlock> blocks;
};
WeightPlan plan_weights(const Window& window, const ImageShape& in, const ImageShape& out, Index images,
                        Index block_rows);

}  // namespace gradzone::cpu
