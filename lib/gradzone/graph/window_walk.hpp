// Which input entries a pooling or convolution window covers.
#pragma once

#include <vector>

#include "gradzone/graph/operations.hpp"

namespace gradzone {

struct WindowEntry {
  Index position;  ///< in the window, row-major
  Index offset;    ///< in the channel's plane, row-major
};

/// The entries of the window at output (i, j) of an h x w plane that lie inside it, in row-major order.
inline std::vector<WindowEntry> window_entries(const Window& w, Index h, Index width, Index i, Index j) {
  std::vector<WindowEntry> entries;
  entries.reserve(static_cast<std::size_t>(w.kernel_h * w.kernel_w));
  for (Index p = 0; p < w.kernel_h; ++p)
    for (Index q = 0; q < w.kernel_w; ++q) {
      const Index row = i * w.stride_h - w.padding_h + p, column = j * w.stride_w - w.padding_w + q;
      if (row < 0 || row >= h || column < 0 || column >= width) continue;
      entries.push_back({p * w.kernel_w + q, row * width + column});
    }
  return entries;
}

/// Mean over all rows and columns is average pooling with this window.
inline Window whole_image(const Shape& sample) {
  return {sample[1], sample[2], 1, 1, 0, 0, 0, 0};
}

}  // namespace gradzone
