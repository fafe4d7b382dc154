// Max pooling, vectors of channels at a time. Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_POOLING_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_POOLING_INL
#undef GRADZONE_KERNELS_CPU_POOLING_INL
#else
#define GRADZONE_KERNELS_CPU_POOLING_INL
#endif

#include <algorithm>
#include <limits>
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

/// Bytes 0 ... 255 as numbers, and numbers 0 or 1 as bytes.
template <class D>
HWY_INLINE hn::Vec<D> load_bytes(D d, const std::uint8_t* from) {
  const auto bytes = hn::LoadU(hn::Rebind<std::uint8_t, D>(), from);
  const auto integers = hn::PromoteTo(hn::Rebind<std::int32_t, D>(), bytes);
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::ConvertTo(d, integers);
  } else {
    return hn::PromoteTo(d, integers);
  }
}
template <class D>
HWY_INLINE void store_bytes(D, hn::Vec<D> v, std::uint8_t* to) {
  const hn::Rebind<std::int32_t, D> d32;
  const hn::Rebind<std::uint8_t, D> d8;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(d32, v)), d8, to);
  } else {
    hn::StoreU(hn::DemoteTo(d8, hn::DemoteTo(d32, v)), d8, to);
  }
}

/// The images of a pool as its loops see them.
struct PoolShape {
  Index h, w, channels, out_h, out_w;
  Index in_size() const { return h * w * channels; }
  Index outputs() const { return out_h * out_w; }
};

/// A NaN is maximal, and the first one alone in its argmax set: mends channels [c, c + lanes) of a window.
template <class Real>
void settle_nan(const Window& w, const PoolShape& s, const ClippedWindow& window, const Real* x, Index c,
                Index lanes, Real* y, std::uint8_t* sets) {
  for (Index channel = c; channel < c + lanes; ++channel) {
    Index first = -1;
    window.for_each(w, s.w, [&](Index position, Index pixel) {
      const Real value = x[pixel * s.channels + channel];
      if (first < 0 && value != value) first = position;
    });
    if (first < 0) continue;
    y[channel] = std::numeric_limits<Real>::quiet_NaN();
    for (Index p = 0; p < w.kernel_h * w.kernel_w; ++p) sets[p * s.channels + channel] = p == first;
  }
}

/// The maxima of one window and their argmax sets.
template <class Real>
void max_of_window(const Window& w, const PoolShape& s, const ClippedWindow& window, const Real* x, Real* y,
                   std::uint8_t* sets) {
  const Index size = w.kernel_h * w.kernel_w;
  if (!window.is_whole(w)) std::fill_n(sets, size * s.channels, std::uint8_t{0});
  if (window.is_empty()) return (void)std::fill_n(y, s.channels, Real(0));
  for_each_vector<Real>(0, s.channels, [&](auto d, Index c) HWY_ATTR {
    const auto load = [&](Index pixel) HWY_ATTR { return hn::LoadU(d, x + pixel * s.channels + c); };
    auto best = load(window.row_begin * s.w + window.column_begin);
    auto has_nan = hn::IsNaN(best);
    window.for_each(w, s.w, [&](Index, Index pixel) HWY_ATTR {
      const auto value = load(pixel);
      best = hn::IfThenElse(hn::Gt(value, best), value, best);  // of equal entries the first
      has_nan = hn::Or(has_nan, hn::IsNaN(value));
    });
    window.for_each(w, s.w, [&](Index position, Index pixel) HWY_ATTR {
      const auto is_best = hn::IfThenElseZero(hn::Eq(load(pixel), best), hn::Set(d, Real(1)));
      store_bytes(d, is_best, sets + position * s.channels + c);
    });
    hn::StoreU(best, d, y + c);
    if (!hn::AllFalse(d, has_nan)) {
      settle_nan(w, s, window, x, c, static_cast<Index>(hn::Lanes(d)), y, sets);
    }
  });
}

template <class F, class T = Tensor<typename F::Real>>
void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y, ArgmaxSets& sets) {
  using Real = typename F::Real;
  using Ops = VectorOps<F>;
  const Window& w = op.window;
  const PoolShape s{x.dim(1), x.dim(2), x.dim(3), y.dim(1), y.dim(2)};
  const Index set_size = w.kernel_h * w.kernel_w * s.channels;
  const Real beta = F::scalar(beta_of(op, choice)), rest = F::scalar(1 - beta_of(op, choice));
  sets.resize(static_cast<std::size_t>(x.dim(0) * s.outputs() * set_size));
  cpu::parallel(x.dim(0) * s.out_h, s.out_w * set_size, [&](Index begin, Index end) HWY_ATTR {
    for (Index row = begin; row < end; ++row)
      for (Index j = 0; j < s.out_w; ++j) {
        const Index output = row * s.out_w + j;
        Real* out = &y[output * s.channels];
        max_of_window(w, s, ClippedWindow(w, s.h, s.w, row % s.out_h, j), &x[row / s.out_h * s.in_size()],
                      out, sets.data() + output * set_size);
        if (form == Form::direct) continue;
        for_each_vector<Real>(0, s.channels, [&](auto d, Index c) HWY_ATTR {
          const auto m = hn::LoadU(d, out + c);
          const auto u = Ops::store(Ops::mul(hn::Set(d, beta), m)),
                     v = Ops::store(Ops::mul(hn::Set(d, rest), m));
          hn::StoreU(Ops::store(Ops::add(u, v)), d, out + c);
        });
      }
  });
}

/// What a window passes back: to the first maximal entry, and to every other one.
template <class V>
struct Share {
  V first, other;
};

/// fl(weight * g), where weights 0 and 1 are not multiplications but "+0" and "unchanged".
template <class F, class D, class V = hn::Vec<D>>
HWY_INLINE V weighted(D d, V weight, V g) {
  const V product = VectorOps<F>::store(VectorOps<F>::mul(weight, g));
  const V unless_one = hn::IfThenElse(hn::Eq(weight, hn::Set(d, 1)), g, product);
  return hn::IfThenZeroElse(hn::Eq(weight, hn::Zero(d)), unless_one);
}

template <class F, class D, class V = hn::Vec<D>>
HWY_INLINE Share<V> share_of(D d, Form form, typename F::Real beta, typename F::Real rest, V count, V g) {
  using Ops = VectorOps<F>;
  const V b = hn::Set(d, beta), r = hn::Set(d, rest);
  if (form == Form::direct) {
    const V weight = Ops::div(b, count);
    return {weighted<F>(d, Ops::add(weight, r), g), weighted<F>(d, weight, g)};
  }
  const V u = Ops::store(Ops::div(Ops::store(Ops::mul(b, g)), count));
  return {Ops::store(Ops::add(u, Ops::store(Ops::mul(r, g)))), u};
}

/// The gradient of one image. Where windows overlap, `touched` has a byte per input pixel, and sums stay in
/// the accumulator until all windows have contributed.
template <class F, class Real = typename F::Real>
void spread(const MaxPool2d& op, const Choice& choice, Form form, const PoolShape& s,
            const std::uint8_t* sets, const Real* dy, Real* dx, std::vector<std::uint8_t>& touched) {
  using Ops = VectorOps<F>;
  const Window& w = op.window;
  const Index size = w.kernel_h * w.kernel_w;
  const Real beta = F::scalar(beta_of(op, choice)), rest = F::scalar(1 - beta_of(op, choice));
  const auto pass_window = [&](const ClippedWindow& window, auto d, Index c) HWY_ATTR {
    auto count = hn::Zero(d);
    for (Index p = 0; p < size; ++p) count = hn::Add(count, load_bytes(d, sets + p * s.channels + c));
    const auto share = share_of<F>(d, form, beta, rest, count, hn::LoadU(d, dy + c));
    auto before = hn::Zero(d);  // maximal entries so far
    window.for_each(w, s.w, [&](Index position, Index pixel) HWY_ATTR {
      const auto member = load_bytes(d, sets + position * s.channels + c);
      const auto in_set = hn::Gt(member, hn::Zero(d));
      auto value = hn::IfThenElse(hn::Gt(before, hn::Zero(d)), share.other, share.first);
      value = hn::IfThenElseZero(in_set, value);
      before = hn::Add(before, member);
      Real* to = dx + pixel * s.channels + c;
      if (!touched.empty() && touched[static_cast<std::size_t>(pixel)])
        value = Ops::add(hn::LoadU(d, to), value);
      hn::StoreU(value, d, to);
    });
  };
  for (Index i = 0; i < s.out_h; ++i)
    for (Index j = 0; j < s.out_w; ++j, dy += s.channels, sets += size * s.channels) {
      const ClippedWindow window(w, s.h, s.w, i, j);
      if (window.is_empty()) continue;
      for_each_vector<Real>(0, s.channels, [&](auto d, Index c) HWY_ATTR { pass_window(window, d, c); });
      if (touched.empty()) continue;
      window.for_each(w, s.w, [&](Index, Index pixel) { touched[static_cast<std::size_t>(pixel)] = 1; });
    }
  if (touched.empty()) return;  // single contributions are storage values already
  for_each_vector<Real>(0, s.in_size(), [&](auto d, Index i) HWY_ATTR {
    hn::StoreU(Ops::store(hn::LoadU(d, dx + i)), d, dx + i);
  });
}

template <class F, class T = Tensor<typename F::Real>>
void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const ArgmaxSets& sets,
                       const T& dy, T& dx) {
  const Window& w = op.window;
  const PoolShape s{dx.dim(1), dx.dim(2), dx.dim(3), dy.dim(1), dy.dim(2)};
  const Index set_size = s.outputs() * w.kernel_h * w.kernel_w * s.channels;
  const bool overlapping = w.stride_h < w.kernel_h || w.stride_w < w.kernel_w;
  const bool covers = !overlapping && w.stride_h == w.kernel_h && w.stride_w == w.kernel_w &&
                      s.out_h * w.stride_h >= s.h + w.padding_h && s.out_w * w.stride_w >= s.w + w.padding_w;
  cpu::parallel(dx.dim(0), set_size, [&](Index begin, Index end) HWY_ATTR {
    std::vector<std::uint8_t> touched;
    for (Index n = begin; n < end; ++n) {
      touched.assign(static_cast<std::size_t>(overlapping ? s.h * s.w : 0), 0);
      if (!covers) std::fill_n(&dx[n * s.in_size()], s.in_size(), typename F::Real(0));
      spread<F>(op, choice, form, s, sets.data() + n * set_size, &dy[n * s.outputs() * s.channels],
                &dx[n * s.in_size()], touched);
    }
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
