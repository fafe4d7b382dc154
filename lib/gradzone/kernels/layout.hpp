// Images as the kernels hold them: [N, h, w, c], so that the channels of a pixel are neighbours. Graphs, data
// and results say [N, c, h, w]; vectors [N, features] are the same in both.
#pragma once

#include "gradzone/base/parallel.hpp"
#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// The kernels' shape of `images` values of a graph's shape ([c, h, w] or [features]).
inline Shape channels_last(Index images, const Shape& shape) {
  if (shape.size() == 3) return {images, shape[1], shape[2], shape[0]};
  Shape out{images};
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

/// Every image, `rows` x `columns` numbers, transposed and converted one by one.
template <class From, class To, class Convert>
void transpose_images(const From* from, To* to, Index images, Index rows, Index columns,
                      const Convert& convert) {
  parallel_for(images, [=, &convert](Index n) {
    const From* in = from + n * rows * columns;
    To* out = to + n * rows * columns;
    for (Index r = 0; r < rows; ++r)
      for (Index c = 0; c < columns; ++c) out[c * rows + r] = convert(in[r * columns + c]);
  });
}
template <class From, class To>
void transpose_images(const From* from, To* to, Index images, Index rows, Index columns) {
  transpose_images(from, to, images, rows, columns, [](From v) { return static_cast<To>(v); });
}

/// [N, c, h, w] as [N, h, w, c]; vectors as they are.
template <class To, class From>
Tensor<To> channels_last(const Tensor<From>& t) {
  if (t.shape.size() != 4) return {t.shape, std::vector<To>(t.data.begin(), t.data.end())};
  const Shape& s = t.shape;
  Tensor<To> out({s[0], s[2], s[3], s[1]});
  transpose_images(t.data.data(), out.data.data(), s[0], s[1], s[2] * s[3]);
  return out;
}

/// [N, h, w, c] as [N, c, h, w]; vectors as they are.
template <class To, class From>
Tensor<To> channels_first(const Tensor<From>& t) {
  if (t.shape.size() != 4) return {t.shape, std::vector<To>(t.data.begin(), t.data.end())};
  const Shape& s = t.shape;
  Tensor<To> out({s[0], s[3], s[1], s[2]});
  transpose_images(t.data.data(), out.data.data(), s[0], s[1] * s[2], s[3]);
  return out;
}

}  // namespace gradzone
