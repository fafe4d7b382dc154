// The plans of convolutions (taps.hpp), made once per shape.
#pragma once

#include <array>
#include <map>
#include <mutex>

#include "gradzone/kernels/cpu/taps.hpp"

namespace gradzone::cpu {

/// Plans by shape; thread-safe. They stay, and stay where they are, as long as this does.
class Plans {
 public:
  /// For `images` images in blocks of `rows` pixels.
  const PixelPlan& forward(const Window& window, const ImageShape& in, const ImageShape& out, Index images,
                           Index rows);
  /// Of the input gradient, whose outputs are the `in` pixels.
  const PixelPlan& backward(const Window& window, const ImageShape& in, const ImageShape& out, Index images,
                            Index rows);
  const WeightPlan& weights(const Window& window, const ImageShape& in, const ImageShape& out, Index images,
                            Index rows);

 private:
  using Key = std::array<Index, 14>;
  static Key key_of(const Window& window, const ImageShape& in, const ImageShape& out, Index images,
                    Index rows);

  std::mutex mutex_;
  std::map<Key, PixelPlan> forward_, backward_;
  std::map<Key, WeightPlan> weights_;
};

}  // namespace gradzone::cpu
