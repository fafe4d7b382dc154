// Max pooling, one plane (image, channel) at a time; planes are the units of parallel work.
#pragma once

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "gradzone/kernels/cpu/parallel.hpp"
#include "gradzone/kernels/kernels.hpp"
#include "gradzone/kernels/reference/activation.hpp"

namespace gradzone::cpu {

/// The part of a window that lies inside the plane: rows and columns of the input, and the window position of
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

  /// Calls visit(window position, input index) in row-major order.
  template <class Visit>
  void for_each(const Window& w, Index width, const Visit& visit) const {
    Index position = first_position;
    for (Index row = row_begin; row < row_end; ++row, position += w.kernel_w)
      for (Index column = column_begin; column < column_end; ++column) {
        visit(position + column - column_begin, row * width + column);
      }
  }
};

/// Calls visit(output index, window) for every window of a plane, row-major.
template <class Visit>
void for_each_window(const Window& w, Index h, Index width, const Visit& visit) {
  const Index out_h = w.out_h(h), out_w = w.out_w(width);
  for (Index i = 0; i < out_h; ++i)
    for (Index j = 0; j < out_w; ++j) visit(i * out_w + j, ClippedWindow(w, h, width, i, j));
}

/// The position of a window's first NaN, which is maximal and alone in its argmax set.
template <class Real>
Index first_nan(const Window& w, Index width, const ClippedWindow& window, const Real* x) {
  Index first = -1;
  window.for_each(w, width, [&](Index position, Index input) {
    if (first < 0 && x[input] != x[input]) first = position;
  });
  return first;
}

/// The maxima of a plane and, zeroed on entry, their argmax sets. The common path has no branch on the data.
template <class Real>
void max_pool_plane(const Window& w, Index h, Index width, const Real* x, Real* y, std::uint8_t* sets) {
  const Index size = w.kernel_h * w.kernel_w;
  for_each_window(w, h, width, [&](Index output, const ClippedWindow& window) {
    y[output] = 0;
    if (window.is_empty()) return;
    std::uint8_t* set = sets + output * size;
    Real best = x[window.row_begin * width + window.column_begin];
    bool has_nan = false;
    window.for_each(w, width, [&](Index, Index input) {
      best = x[input] > best ? x[input] : best;  // of equal entries (zeros of both signs) the first
      has_nan |= x[input] != x[input];
    });
    if (has_nan) {
      set[first_nan(w, width, window, x)] = 1;
      y[output] = std::numeric_limits<Real>::quiet_NaN();
      return;
    }
    window.for_each(w, width, [&](Index position, Index input) { set[position] = x[input] == best; });
    y[output] = best;
  });
}

template <class F, class T = Tensor<typename F::Real>>
void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y, ArgmaxSets& sets) {
  using Real = typename F::Real;
  const Window& w = op.window;
  const Index h = x.dim(2), width = x.dim(3), out_area = y.dim(2) * y.dim(3), size = w.kernel_h * w.kernel_w;
  const Real beta = F::scalar(beta_of(op, choice)), rest = F::scalar(1 - beta_of(op, choice));
  sets.assign(static_cast<std::size_t>(y.size() * size), 0);
  parallel(x.dim(0) * x.dim(1), out_area * size, [&](Index begin, Index end) {
    for (Index plane = begin; plane < end; ++plane) {
      Real* out = y.data.data() + plane * out_area;
      max_pool_plane(w, h, width, x.data.data() + plane * h * width, out,
                     sets.data() + plane * out_area * size);
      if (form == Form::direct) continue;
      for (Real* m = out; m < out + out_area; ++m) {
        *m = F::store(F::add(F::store(F::mul(beta, *m)), F::store(F::mul(rest, *m))));
      }
    }
  });
}

/// What a window passes back: to the first maximal entry, and to every other one.
template <class Real>
struct Share {
  Real first, other;
};

template <class F, class Real = typename F::Real>
Share<Real> share_of(Form form, Real beta, Real rest, Real count, Real g) {
  if (form == Form::direct) {
    const Real weight = F::div(beta, count);
    return {reference::scaled<F>(F::add(weight, rest), g), reference::scaled<F>(weight, g)};
  }
  const Real u = F::store(F::div(F::store(F::mul(beta, g)), count));
  return {F::store(F::add(u, F::store(F::mul(rest, g)))), u};
}

template <class F, class T = Tensor<typename F::Real>>
void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const ArgmaxSets& sets,
                       const T& dy, T& dx) {
  using Real = typename F::Real;
  const Window& w = op.window;
  const Index h = dx.dim(2), width = dx.dim(3), area = h * width, out_area = dy.dim(2) * dy.dim(3);
  const Index size = w.kernel_h * w.kernel_w;
  const Real beta = F::scalar(beta_of(op, choice)), rest = F::scalar(1 - beta_of(op, choice));
  const bool overlapping = w.stride_h < w.kernel_h || w.stride_w < w.kernel_w;
  parallel(dx.dim(0) * dx.dim(1), out_area * size, [&](Index begin, Index end) {
    std::vector<std::uint8_t> touched(static_cast<std::size_t>(overlapping ? area : 0));
    for (Index plane = begin; plane < end; ++plane) {
      Real* in = dx.data.data() + plane * area;
      std::fill(touched.begin(), touched.end(), std::uint8_t{0});
      std::fill_n(in, area, Real(0));
      for_each_window(w, h, width, [&](Index output, const ClippedWindow& window) {
        const std::uint8_t* set = sets.data() + (plane * out_area + output) * size;
        const Index first = std::find(set, set + size, std::uint8_t{1}) - set;
        const Real count = static_cast<Real>(std::accumulate(set, set + size, 0));
        const Share<Real> share = share_of<F>(form, beta, rest, count, dy[plane * out_area + output]);
        window.for_each(w, width, [&](Index position, Index input) {
          const Real value = position == first ? share.first : set[position] ? share.other : Real(0);
          if (!overlapping) {
            in[input] = value;
            return;
          }
          std::uint8_t& seen = touched[static_cast<std::size_t>(input)];
          in[input] = seen ? F::add(in[input], value) : value;
          seen = 1;
        });
      });
      if (!overlapping) continue;  // single contributions are storage values already
      for (Real* value = in; value < in + area; ++value) *value = F::store(*value);
    }
  });
}

}  // namespace gradzone::cpu
