// Bias gradients: plain sums, one chain per channel and group of images.
#pragma once

#include "gradzone/kernels/cpu/parallel.hpp"
#include "gradzone/kernels/kernels.hpp"
#include "gradzone/kernels/reference/sum.hpp"

namespace gradzone::cpu {

/// db[o] = store(sum of dy[n][o][...]), dy being [images, channels] or [images, channels, h, w].
template <class F, class T = Tensor<typename F::Real>>
void bias_gradient(const T& dy, T& db) {
  const Index images = dy.dim(0), channels = dy.dim(1),
              area = dy.size() / std::max<Index>(1, images * channels);
  db = T({channels});
  parallel(channels, images * area, [&](Index begin, Index end) {
    for (Index o = begin; o < end; ++o) {
      const auto add_image = [&](reference::Sum<F>& sum, Index n) {
        for (Index i = 0; i < area; ++i) sum.add(dy[(n * channels + o) * area + i]);
      };
      db[o] = F::store(reference::batch_sum<F>(Order::chain, images, images_per_group, add_image));
    }
  });
}

}  // namespace gradzone::cpu
