// Windows of pooling layers, and how gradients go back through them, vectors of channels at a time.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_WINDOWS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_WINDOWS_INL
#undef GRADZONE_KERNELS_CPU_WINDOWS_INL
#else
#define GRADZONE_KERNELS_CPU_WINDOWS_INL
#endif

#include <algorithm>
#include <vector>

#include "gradzone/kernels/cpu/channels-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

/// The part of a window that lies inside the image: rows and columns of the input, and the window position of
/// its first entry.
struct ClippedWindow {
  Index row_begin, row_end, column_begin, column_end;
  Index first_position;

  ClippedWindow(const Window& w, Index h, Index width, Index i, Index j) {
    const Index top = i * w.stride_h - w.padding_h, left = j * w.stride_w - w.padding_w;
    row_begin = std::max<Index>(0, top);
    row_end = std::min(h, top + w.kernel_h);
    column_begin = std::max<Index>(0, left);
    column_end = std::min(width, left + w.kernel_w);
    first_position = (row_begin - top) * w.kernel_w + column_begin - left;
  }

  bool is_empty() const { return row_begin >= row_end || column_begin >= column_end; }
  bool is_whole(const Window& w) const {
    return row_end - row_begin == w.kernel_h && column_end - column_begin == w.kernel_w;
  }

  /// Calls visit(window position, input pixel) in row-major order.
  template <class Visit>
  HWY_INLINE void for_each(const Window& w, Index width, const Visit& visit) const {
    Index position = first_position;
    for (Index row = row_begin; row < row_end; ++row, position += w.kernel_w)
      for (Index column = column_begin; column < column_end; ++column) {
        visit(position + column - column_begin, row * width + column);
      }
  }
};

/// The images of a pool as its loops see them.
struct PoolShape {
  Index h, w, channels, out_h, out_w;
  Index in_size() const { return h * w * channels; }
  Index outputs() const { return out_h * out_w; }
};

template <class Real>
PoolShape pool_shape(const Tensor<Real>& in, const Tensor<Real>& out) {
  return {in.dim(1), in.dim(2), in.dim(3), out.dim(1), out.dim(2)};
}

/// fl(weight * g), where weights 0 and 1 are not multiplications but "+0" and "unchanged".
template <class F, class D, class V = hn::Vec<D>>
HWY_INLINE V weighted(D d, V weight, V g) {
  const V product = VectorOps<F>::store(VectorOps<F>::mul(weight, g));
  const V unless_one = hn::IfThenElse(hn::Eq(weight, hn::Set(d, 1)), g, product);
  return hn::IfThenZeroElse(hn::Eq(weight, hn::Zero(d)), unless_one);
}

/// The gradient of a pooling layer. pass(n, output, window, d, c) looks at channels c, ... of one window and
/// returns a function that gives the contribution of (window position, input pixel); it is asked in row-major
/// order. Sums over overlapping windows stay in the accumulator and are rounded once; where an input lies in
/// one window only, its contribution is passed on as it is. Units of parallel work are images.
template <class F, class T, class Pass>
void scatter(const Window& w, const PoolShape& s, T& dx, const Pass& pass) {
  using Real = typename F::Real;
  using Ops = VectorOps<F>;
  const bool overlapping = w.stride_h < w.kernel_h || w.stride_w < w.kernel_w;
  const bool covers = w.stride_h == w.kernel_h && w.stride_w == w.kernel_w &&
                      s.out_h * w.stride_h >= s.h + w.padding_h && s.out_w * w.stride_w >= s.w + w.padding_w;
  const auto scatter_image = [&](Index n, Real* to, std::vector<std::uint8_t>& touched) HWY_ATTR {
    for (Index output = 0; output < s.outputs(); ++output) {
      const ClippedWindow window(w, s.h, s.w, output / s.out_w, output % s.out_w);
      if (window.is_empty()) continue;
      for_each_vector<Real>(0, s.channels, [&](auto d, Index c) HWY_ATTR {
        auto contribution = pass(n, output, window, d, c);
        window.for_each(w, s.w, [&](Index position, Index pixel) HWY_ATTR {
          auto value = contribution(position, pixel);
          Real* at = to + pixel * s.channels + c;
          if (overlapping && touched[static_cast<std::size_t>(pixel)])
            value = Ops::add(hn::LoadU(d, at), value);
          hn::StoreU(value, d, at);
        });
      });
      if (!overlapping) continue;
      window.for_each(w, s.w, [&](Index, Index pixel) { touched[static_cast<std::size_t>(pixel)] = 1; });
    }
    if (!overlapping) return;
    for_each_vector<Real>(0, s.in_size(), [&](auto d, Index i) HWY_ATTR {
      hn::StoreU(Ops::store(hn::LoadU(d, to + i)), d, to + i);
    });
  };
  cpu::parallel(dx.dim(0), s.outputs() * w.kernel_h * w.kernel_w * s.channels, [&](Index begin, Index end) {
    std::vector<std::uint8_t> touched;  // a byte per input pixel
    for (Index n = begin; n < end; ++n) {
      Real* to = &dx[n * s.in_size()];
      touched.assign(static_cast<std::size_t>(overlapping ? s.h * s.w : 0), 0);
      if (!covers) std::fill_n(to, s.in_size(), Real(0));
      scatter_image(n, to, touched);
    }
  });
}

/// Calls body(n, output, window) for every window, in parallel.
template <class Body>
void for_each_window(const Window& w, const PoolShape& s, Index images, const Body& body) {
  const Index cost = s.out_w * w.kernel_h * w.kernel_w * s.channels;
  cpu::parallel(images * s.out_h, cost, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row)
      for (Index j = 0; j < s.out_w; ++j) {
        const Index i = row % s.out_h;
        body(row / s.out_h, i * s.out_w + j, ClippedWindow(w, s.h, s.w, i, j));
      }
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
