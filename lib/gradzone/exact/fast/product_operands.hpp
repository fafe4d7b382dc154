// How the operands of convolutions and their gradients are packed for the product kernels.
//
// A packer writes the digits of `count` neighbouring items (rows or columns of a matrix product) for the
// steps of one piece of the contraction: to[(k * limbs + l) * width + lane], 0 for lanes from `count` on.
#pragma once

#include <vector>

#include "gradzone/exact/fast/fixed_tensor.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

/// Steps [begin, begin + depth) of a contraction.
struct Piece {
  Index begin, depth;
};

/// Weights: items are channels of one side, steps (channel of the other side, kernel position).
struct WeightPacker {
  const FixedTensor& w;
  Index item_stride, step_stride, kernel;

  void operator()(Index first, Index count, Index width, const Piece& piece, std::int64_t* to) const;
};

/// Windows: items are output pixels, steps (channel, kernel position), each reading one pixel of the source
/// or nothing.
struct PatchPacker {
  const FixedTensor& source;  ///< [N, channels, h, w]
  Index out_h, out_w;
  Window window;
  bool transposed;  ///< items are the input pixels of the convolution, the source is its output gradient

  void operator()(Index first, Index count, Index width, const Piece& piece, std::int64_t* to) const;

 private:
  /// [kernel position][lane]: where in channel 0 of the source's planes each item reads, or -1.
  std::vector<Index> reads(Index first, Index count, Index width) const;
};

/// An output gradient: items are output channels, steps (image, pixel).
struct OutputPacker {
  const FixedTensor& dy;

  void operator()(Index first, Index count, Index width, const Piece& piece, std::int64_t* to) const;
};

/// A convolution's input: items are (input channel, kernel position), steps (image, output pixel).
struct InputPacker {
  const FixedTensor& x;
  Index out_h, out_w;
  Window window;

  void operator()(Index first, Index count, Index width, const Piece& piece, std::int64_t* to) const;
};

}  // namespace gradzone
