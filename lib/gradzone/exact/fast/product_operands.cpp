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

namespace {

/// The coordinate of the source that item coordinate `at` meets at kernel coordinate `tap`; negative
/// where there is none.
Index met(Index at, Index tap, Index stride, Index padding, Index extent, bool transposed) {
  Index out = transposed ? at + padding - tap : at * stride - padding + tap;
  if (transposed && stride > 1) out = out < 0 || out % stride != 0 ? -1 : out / stride;
  return out < extent ? out : -1;
}

}  // namespace

std::vector<Index> PatchPacker::reads(Index first, Index count, Index width) const {
  const Index h = source.shape[2], w = source.shape[3], image_size = source.shape[1] * h * w;
  std::vector<Index> out(static_cast<std::size_t>(window.kernel_h * window.kernel_w * width), -1);
  for (Index lane = 0; lane < count; ++lane) {
    const Index item = first + lane, image = item / (out_h * out_w), i = item / out_w % out_h,
                j = item % out_w;
    Index* read = out.data() + lane;
    for (Index p = 0; p < window.kernel_h; ++p) {
      const Index row = met(i, p, window.stride_h, window.padding_h, h, transposed);
      for (Index q = 0; q < window.kernel_w; ++q, read += width) {
        const Index column = met(j, q, window.stride_w, window.padding_w, w, transposed);
        if (row >= 0 && column >= 0) *read = image * image_size + row * w + column;
      }
    }
  }
  return out;
}

void PatchPacker::operator()(Index first, Index count, Index width, const Piece& piece,
                             std::int64_t* to) const {
  const Index kernel = window.kernel_h * window.kernel_w, area = source.shape[2] * source.shape[3];
  const std::vector<Index> lanes = reads(first, count, width);
  // Lanes whose pixels are neighbours are copied together.
  std::vector<bool> side_by_side(static_cast<std::size_t>(kernel));
  for (Index k = 0; k < kernel; ++k) {
    const Index* const read = lanes.data() + k * width;
    bool all = read[0] >= 0;
    for (Index lane = 1; lane < width; ++lane) all = all && read[lane] == read[0] + lane;
    side_by_side[static_cast<std::size_t>(k)] = all;
  }
  Index channel = piece.begin / kernel, k = piece.begin % kernel;
  for (Index s = 0; s < piece.depth; ++s) {
    const Index* const read = lanes.data() + k * width;
    for (int l = 0; l < source.limbs; ++l, to += width) {
      const std::int64_t* const from = source.plane(l) + channel * area;
      if (side_by_side[static_cast<std::size_t>(k)]) {
        std::copy_n(from + read[0], width, to);
      } else {
        for (Index lane = 0; lane < width; ++lane) to[lane] = read[lane] < 0 ? 0 : from[read[lane]];
      }
    }
    if (++k == kernel) k = 0, ++channel;
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

namespace {

/// An item of InputPacker: a channel's offset in an image, and where its window position reads.
struct InputLane {
  Index channel, down, right;
  Index begin, end;  ///< output columns that read within a row
};

/// Of `items` from `first` on.
std::vector<InputLane> input_lanes(const InputPacker& p, Index first, Index items) {
  const Window& v = p.window;
  const Index kernel = v.kernel_h * v.kernel_w, h = p.x.shape[2], w = p.x.shape[3];
  const auto columns_before = [&](Index pixels) {
    return pixels <= 0 ? 0 : std::min(p.out_w, (pixels + v.stride_w - 1) / v.stride_w);
  };
  std::vector<InputLane> out;
  for (Index item = first; item < first + items; ++item) {
    const Index k = item % kernel, down = k / v.kernel_w - v.padding_h, right = k % v.kernel_w - v.padding_w;
    out.push_back({item / kernel * h * w, down, right, columns_before(-right), columns_before(w - right)});
  }
  return out;
}

}  // namespace

void InputPacker::operator()(Index first, Index count, Index width, const Piece& piece,
                             std::int64_t* to) const {
  const Index h = x.shape[2], w = x.shape[3], step = x.limbs * width;
  const std::vector<InputLane> lanes = input_lanes(*this, first, count);
  std::fill_n(to, piece.depth * step, std::int64_t{0});
  // By rows of the output: a row's steps are written for all lanes while they are in the nearest cache.
  for (Index s = 0; s < piece.depth;) {
    const Index image = (piece.begin + s) / (out_h * out_w), i = (piece.begin + s) / out_w % out_h,
                j = (piece.begin + s) % out_w, columns = std::min(out_w - j, piece.depth - s);
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      const InputLane& v = lanes[lane];
      const Index row = i * window.stride_h + v.down;
      if (row < 0 || row >= h) continue;
      const Index begin = std::max(j, v.begin), end = std::min(j + columns, v.end);
      const Index first_pixel = (image * x.shape[1] * h + row) * w + v.channel + v.right;
      for (int l = 0; l < x.limbs; ++l) {
        const std::int64_t* const from = x.plane(l);
        std::int64_t* const out = to + s * step + l * width + static_cast<Index>(lane);
        for (Index c = begin; c < end; ++c) out[(c - j) * step] = from[first_pixel + c * window.stride_w];
      }
    }
    s += columns;
  }
}

}  // namespace gradzone
