#include "gradzone/kernels/cpu/plans.hpp"

namespace gradzone::cpu {
namespace {

template <class Map, class Make>
const auto& find_or_make(std::mutex& mutex, Map& map, const typename Map::key_type& key, const Make& make) {
  const std::lock_guard lock(mutex);
  const auto found = map.find(key);
  return found != map.end() ? found->second : map.emplace(key, make()).first->second;
}

}  // namespace

Plans::Key Plans::key_of(const Window& w, const ImageShape& in, const ImageShape& out, Index images,
                         Index rows) {
  return {w.kernel_h, w.kernel_w,  w.stride_h, w.stride_w, w.padding_h,  w.padding_w, in.h,
          in.w,       in.channels, out.h,      out.w,      out.channels, images,      rows};
}

const PixelPlan& Plans::forward(const Window& window, const ImageShape& in, const ImageShape& out,
                                Index images, Index rows) {
  return find_or_make(mutex_, forward_, key_of(window, in, out, images, rows), [&] {
    return plan_pixels(forward_taps(rows_of(window), in.h, out.h),
                       forward_taps(columns_of(window), in.w, out.w), window.kernel_w,
                       window.kernel_h * window.kernel_w, in, out, images, rows);
  });
}

const PixelPlan& Plans::backward(const Window& window, const ImageShape& in, const ImageShape& out,
                                 Index images, Index rows) {
  return find_or_make(mutex_, backward_, key_of(window, in, out, images, rows), [&] {
    return plan_pixels(backward_taps(rows_of(window), in.h, out.h),
                       backward_taps(columns_of(window), in.w, out.w), window.kernel_w,
                       window.kernel_h * window.kernel_w, out, in, images, rows);
  });
}

const WeightPlan& Plans::weights(const Window& window, const ImageShape& in, const ImageShape& out,
                                 Index images, Index rows) {
  return find_or_make(mutex_, weights_, key_of(window, in, out, images, rows),
                      [&] { return plan_weights(window, in, out, images, rows); });
}

}  // namespace gradzone::cpu
