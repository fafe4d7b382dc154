// Pooling: one thread per output forward, one per input backward. A window's entries are visited in row-major
// order, an input's windows in the order of the outputs.
#pragma once

#include <cstdint>

#include "gradzone/kernels/cuda/bodies/entries.hpp"

namespace gradzone::device {

/// Windows over [N, h, w, channels].
struct Pool {
  int h, w, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
  Divisor channels, by_w, by_h, by_out_w, by_out_h;

  Pool(const Window& window, const Shape& in)
      : h(static_cast<int>(in[1])),
        w(static_cast<int>(in[2])),
        out_h(static_cast<int>(window.out_h(h))),
        out_w(static_cast<int>(window.out_w(w))),
        kernel_h(static_cast<int>(window.kernel_h)),
        kernel_w(static_cast<int>(window.kernel_w)),
        stride_h(static_cast<int>(window.stride_h)),
        stride_w(static_cast<int>(window.stride_w)),
        padding_h(static_cast<int>(window.padding_h)),
        padding_w(static_cast<int>(window.padding_w)),
        channels(static_cast<int>(in[3])),
        by_w(w),
        by_h(h),
        by_out_w(out_w),
        by_out_h(out_h) {}

  GRADZONE_HOST_DEVICE int positions() const { return kernel_h * kernel_w; }

  /// visit(position, input) for the entries of the window of an output.
  template <class Visit>
  GRADZONE_HOST_DEVICE void each_entry(Index output, Visit&& visit) const {
    int n = static_cast<int>(output);
    const int c = channels.split(n), j = by_out_w.split(n), i = by_out_h.split(n);
    for (int p = 0; p < kernel_h; ++p)
      for (int q = 0; q < kernel_w; ++q) {
        const int row = i * stride_h - padding_h + p, column = j * stride_w - padding_w + q;
        if (row < 0 || row >= h || column < 0 || column >= w) continue;
        visit(p * kernel_w + q, ((Index{n} * h + row) * w + column) * channels.value() + c);
      }
  }
  /// visit(output, position) for the windows that an input lies in.
  template <class Visit>
  GRADZONE_HOST_DEVICE void each_window(Index input, Visit&& visit) const {
    int n = static_cast<int>(input);
    const int c = channels.split(n), column = by_w.split(n), row = by_h.split(n);
    const int down = row + padding_h, right = column + padding_w;
    for (int i = first(down, kernel_h, stride_h); i < out_h && i * stride_h <= down; ++i)
      for (int j = first(right, kernel_w, stride_w); j < out_w && j * stride_w <= right; ++j) {
        const int p = down - i * stride_h, q = right - j * stride_w;
        visit(((Index{n} * out_h + i) * out_w + j) * channels.value() + c, p * kernel_w + q);
      }
  }

 private:
  /// The first window that reaches `at`.
  GRADZONE_HOST_DEVICE static int first(int at, int kernel, int stride) {
    return at < kernel ? 0 : (at - kernel) / stride + 1;
  }
};

/// Adds an input's contributions in the accumulator; a single one is passed on as it is.
template <class F, class Contribution>
GRADZONE_HOST_DEVICE typename F::Real gathered(const Pool& pool, Index input, Contribution&& contribution) {
  typename F::Real sum = 0;
  bool touched = false;
  pool.each_window(input, [&](Index output, int position) {
    const auto value = contribution(output, position);
    sum = touched ? F::add(sum, value) : value;
    touched = true;
  });
  return F::store(sum);
}

template <class F>
struct MaxPool {
  using Real = typename F::Real;
  Pool pool;
  const Real* x;
  Real* y;
  std::uint8_t* sets;
  bool composed;
  Real beta, rest;

  GRADZONE_HOST_DEVICE void operator()(Index output) const {
    std::uint8_t* set = sets + output * pool.positions();
    for (int p = 0; p < pool.positions(); ++p) set[p] = 0;
    Real best = 0;
    int first = -1, last = -1;
    pool.each_entry(output, [&](int position, Index input) {
      const Real value = x[input];
      if (first < 0 || (best == best && (value > best || value != value))) {
        if (first >= 0)
          for (int p = first; p <= last; ++p) set[p] = 0;
        best = value;
        first = position;
      } else if (!(value == best)) {
        return;
      }
      set[position] = 1;
      last = position;
    });
    y[output] =
        composed ? F::store(F::add(F::store(F::mul(beta, best)), F::store(F::mul(rest, best)))) : best;
  }
};

template <class F>
struct MaxPoolGradient {
  using Real = typename F::Real;
  Pool pool;
  const std::uint8_t* sets;
  const Real* dy;
  Real* dx;
  bool composed;
  Real beta, rest;

  GRADZONE_HOST_DEVICE void operator()(Index input) const {
    dx[input] = gathered<F>(pool, input, [&](Index output, int position) -> Real {
      const std::uint8_t* set = sets + output * pool.positions();
      if (set[position] == 0) return 0;
      int size = 0;
      bool is_first = true;
      for (int p = 0; p < pool.positions(); ++p) {
        size += set[p];
        is_first = is_first && (p >= position || set[p] == 0);
      }
      const Real g = dy[output], count = static_cast<Real>(size);
      if (!composed) {
        const Real share = F::div(beta, count);
        return scaled<F>(is_first ? F::add(share, rest) : share, g);
      }
      const Real u = F::store(F::div(F::store(F::mul(beta, g)), count));
      return is_first ? F::store(F::add(u, F::store(F::mul(rest, g)))) : u;
    });
  }
};

template <class F>
struct AvgPool {
  using Real = typename F::Real;
  Pool pool;
  const Real* x;
  Real* y;
  GRADZONE_HOST_DEVICE void operator()(Index output) const {
    Real sum = 0;
    pool.each_entry(output, [&](int, Index input) { sum = F::add(sum, x[input]); });
    y[output] = F::store(F::div(sum, static_cast<Real>(pool.positions())));
  }
};

template <class F>
struct AvgPoolGradient {
  using Real = typename F::Real;
  Pool pool;
  const Real* dy;
  Real* dx;
  GRADZONE_HOST_DEVICE void operator()(Index input) const {
    const Real size = static_cast<Real>(pool.positions());
    dx[input] =
        gathered<F>(pool, input, [&](Index output, int) { return F::store(F::div(dy[output], size)); });
  }
};

/// The norm of a window in the accumulator.
template <class F>
GRADZONE_HOST_DEVICE typename F::Real window_norm(const Pool& pool, const typename F::Real* x, Index output) {
  typename F::Real sum = 0;
  pool.each_entry(output, [&](int, Index input) { sum = F::fma(x[input], x[input], sum); });
  return F::sqrt(sum);
}

template <class F>
struct NormPool {
  using Real = typename F::Real;
  Pool pool;
  const Real* x;
  Real* y;
  GRADZONE_HOST_DEVICE void operator()(Index output) const {
    y[output] = F::store(window_norm<F>(pool, x, output));
  }
};

template <class F>
struct NormPoolGradient {
  using Real = typename F::Real;
  Pool pool;
  const Real *x, *dy;
  Real* dx;
  Real at_zero;
  GRADZONE_HOST_DEVICE void operator()(Index input) const {
    dx[input] = gathered<F>(pool, input, [&](Index output, int) {
      const Real r = window_norm<F>(pool, x, output);
      if (r == 0) return scaled<F>(at_zero, dy[output]);
      return F::store(F::mul(dy[output], F::div(x[input], r)));
    });
  }
};

}  // namespace gradzone::device
