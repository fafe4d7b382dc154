#include "gradzone/exact/fast/product_operands.hpp"

#include <algorithm>

namespace gradzone {

void WeightPacker::operator()(Index first, Index count, Index width, const Piece& piece,
                              std::int64_t* to) const {
  if (count < width) std::fill_n(to, piece.depth * w.limbs * width, std::int64_t{0});
  for (int l = 0; l < w.limbs; ++l) {
    std::int64_t* out = to + l * width;
    Index channel = piece.begin / kernel, position = piece.begin % kernel;
    for (Index k = 0; k < piece.depth; ++k, out += w.limbs * width) {
      const std::int64_t* from = w.plane(l) + first * item_stride + channel * step_stride + position;
      for (Index lane = 0; lane < count; ++lane) out[lane] = from[lane * item_stride];
      if (++position == kernel) position = 0, ++channel;
    }
  }
}

Index PatchPacker::pixel(Index i, Index j, Index p, Index q) const {
  const Index h = source.shape[2], w = source.shape[3];
  Index row = i * window.stride_h - window.padding_h + p, column = j * window.stride_w - window.padding_w + q;
  if (transposed) {
    row = i + window.padding_h - p;
    column = j + window.padding_w - q;
    if (row < 0 || column < 0 || row % window.stride_h != 0 || column % window.stride_w != 0) return -1;
    row /= window.stride_h;
    column /= window.stride_w;
  }
  return row < 0 || column < 0 || row >= h || column >= w ? -1 : row * w + column;
}

void PatchPacker::operator()(Index first, Index count, Index width, const Piece& piece,
                             std::int64_t* to) const {
  const Index kernel = window.kernel_h * window.kernel_w, area = source.shape[2] * source.shape[3],
              channels = source.shape[1];
  std::fill_n(to, piece.depth * source.limbs * width, std::int64_t{0});
  for (Index lane = 0; lane < count; ++lane) {
    const Index item = first + lane, image = item / (out_h * out_w);
    const Index i = item / out_w % out_h, j = item % out_w;
    for (Index k = 0; k < kernel; ++k) {
      const Index at = pixel(i, j, k / window.kernel_w, k % window.kernel_w);
      if (at < 0) continue;
      // The first step of the piece that has kernel position k, and then every kernel-th.
      const Index start = (k - piece.begin % kernel + kernel) % kernel;
      const Index channel = (piece.begin + start) / kernel;
      for (int l = 0; l < source.limbs; ++l) {
        const std::int64_t* from = source.plane(l) + (image * channels + channel) * area + at;
        std::int64_t* out = to + (start * source.limbs + l) * width + lane;
        for (Index s = start; s < piece.depth; s += kernel) {
          *out = *from;
          out += kernel * source.limbs * width;
          from += area;
        }
      }
    }
  }
}

void OutputPacker::operator()(Index first, Index count, Index width, const Piece& piece,
                              std::int64_t* to) const {
  const Index channels = dy.shape[1], area = dy.shape[2] * dy.shape[3];
  if (count < width) std::fill_n(to, piece.depth * dy.limbs * width, std::int64_t{0});
  for (int l = 0; l < dy.limbs; ++l) {
    std::int64_t* out = to + l * width;
    Index image = piece.begin / area, at = piece.begin % area;
    for (Index k = 0; k < piece.depth; ++k, out += dy.limbs * width) {
      const std::int64_t* from = dy.plane(l) + (image * channels + first) * area + at;
      for (Index lane = 0; lane < count; ++lane) out[lane] = from[lane * area];
      if (++at == area) at = 0, ++image;
    }
  }
}

void InputPacker::operator()(Index first, Index count, Index width, const Piece& piece,
                             std::int64_t* to) const {
  const Index kernel = window.kernel_h * window.kernel_w, h = x.shape[2], w = x.shape[3];
  std::fill_n(to, piece.depth * x.limbs * width, std::int64_t{0});
  for (Index lane = 0; lane < count; ++lane) {
    const Index c = (first + lane) / kernel, k = (first + lane) % kernel;
    const Index down = k / window.kernel_w - window.padding_h, right = k % window.kernel_w - window.padding_w;
    Index image = piece.begin / (out_h * out_w), i = piece.begin / out_w % out_h, j = piece.begin % out_w;
    for (Index s = 0; s < piece.depth; ++s) {
      const Index row = i * window.stride_h + down, column = j * window.stride_w + right;
      if (row >= 0 && column >= 0 && row < h && column < w) {
        const Index at = ((image * x.shape[1] + c) * h + row) * w + column;
        for (int l = 0; l < x.limbs; ++l) to[(s * x.limbs + l) * width + lane] = x.plane(l)[at];
      }
      if (++j == out_w) j = 0, ++i;
      if (i == out_h) i = 0, ++image;
    }
  }
}

}  // namespace gradzone
