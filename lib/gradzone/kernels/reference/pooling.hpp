// Pooling. A window's entries are visited in row-major order; padding positions are no entries (max, norm) or
// zeros (mean).
#pragma once

#include <vector>

#include "gradzone/kernels/reference/activation.hpp"
#include "gradzone/kernels/reference/reference_kernels.hpp"

namespace gradzone {

namespace reference {

/// Calls visit(output index, position in the window, input index) for every entry of every window, outputs in
/// row-major order, entries in row-major order within the window.
template <class Visit>
void for_each_window_entry(const Window& w, const Shape& in, Visit&& visit) {
  const Index h = in[1], width = in[2], channels = in[3], out_h = w.out_h(h), out_w = w.out_w(width);
  Index output = 0;
  for (Index n = 0; n < in[0]; ++n)
    for (Index i = 0; i < out_h; ++i)
      for (Index j = 0; j < out_w; ++j)
        for (Index c = 0; c < channels; ++c, ++output)
          for (Index p = 0; p < w.kernel_h; ++p)
            for (Index q = 0; q < w.kernel_w; ++q) {
              const Index row = i * w.stride_h - w.padding_h + p, column = j * w.stride_w - w.padding_w + q;
              if (row < 0 || row >= h || column < 0 || column >= width) continue;
              visit(output, p * w.kernel_w + q, ((n * h + row) * width + column) * channels + c);
            }
}

inline Shape pooled_shape(const Window& w, const Shape& in) {
  return {in[0], w.out_h(in[1]), w.out_w(in[2]), in[3]};
}

/// Gradient of a pooling layer from its contributions: contribution(output, position, input) is what that
/// window gives that input. Sums over overlapping windows stay in the accumulator and are rounded once; where
/// an input lies in one window only, its contribution is passed on as it is.
template <class F, class Contribution>
void scatter(const Window& w, Tensor<typename F::Real>& dx, Contribution&& contribution) {
  dx = Tensor<typename F::Real>(dx.shape);
  std::vector<bool> touched(dx.data.size(), false);
  for_each_window_entry(w, dx.shape, [&](Index output, Index position, Index input) {
    const auto value = contribution(output, position, input);
    const std::size_t at = static_cast<std::size_t>(input);
    dx.data[at] = touched[at] ? F::add(dx.data[at], value) : value;
    touched[at] = true;
  });
  for (auto& value : dx.data) value = F::store(value);
}

}  // namespace reference

template <class F>
void ReferenceKernels<F>::max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y,
                                   ArgmaxSets& sets) const {
  const Index window = op.window.kernel_h * op.window.kernel_w;
  y = T(reference::pooled_shape(op.window, x.shape));
  sets.assign(static_cast<std::size_t>(y.size() * window), 0);
  std::vector<bool> seen(y.data.size(), false);
  reference::for_each_window_entry(op.window, x.shape, [&](Index output, Index position, Index input) {
    const auto set = sets.begin() + output * window;
    Real& best = y[output];
    const Real value = x[input];
    const bool first = !seen[static_cast<std::size_t>(output)];
    const bool best_is_nan = !first && best != best;
    if (first || (!best_is_nan && (value > best || value != value))) {
      std::fill(set, set + window, std::uint8_t{0});
      best = value;
      set[position] = 1;
    } else if (value == best) {
      set[position] = 1;
    }
    seen[static_cast<std::size_t>(output)] = true;
  });
  if (form == Form::direct) return;
  const double beta = beta_of(op, choice);
  const Real b = F::scalar(beta), rest = F::scalar(1 - beta);
  for (Real& m : y.data) m = F::store(F::add(F::store(F::mul(b, m)), F::store(F::mul(rest, m))));
}

template <class F>
void ReferenceKernels<F>::max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form,
                                            const ArgmaxSets& sets, const T& dy, T& dx) const {
  const Index window = op.window.kernel_h * op.window.kernel_w;
  const double beta = beta_of(op, choice);
  const Real b = F::scalar(beta), rest = F::scalar(1 - beta);
  const auto in_set = [&](Index o, Index p) { return sets[static_cast<std::size_t>(o * window + p)] != 0; };
  std::vector<int> count(dy.data.size(), 0), first(dy.data.size(), -1);
  for (Index o = 0; o < dy.size(); ++o)
    for (Index p = 0; p < window; ++p)
      if (in_set(o, p)) {
        if (count[static_cast<std::size_t>(o)]++ == 0)
          first[static_cast<std::size_t>(o)] = static_cast<int>(p);
      }
  reference::scatter<F>(op.window, dx, [&](Index o, Index p, Index) -> Real {
    if (!in_set(o, p)) return 0;
    const Real size = static_cast<Real>(count[static_cast<std::size_t>(o)]);
    const bool is_first = first[static_cast<std::size_t>(o)] == p;
    if (form == Form::direct) {
      const Real share = F::div(b, size);
      const Real weight = is_first ? F::add(share, rest) : share;
      return reference::scaled<F>(weight, dy[o]);
    }
    const Real u = F::store(F::div(F::store(F::mul(b, dy[o])), size));
    return is_first ? F::store(F::add(u, F::store(F::mul(rest, dy[o])))) : u;
  });
}

template <class F>
void ReferenceKernels<F>::avg_pool(const Window& window, const T& x, T& y) const {
  const Real size = static_cast<Real>(window.kernel_h * window.kernel_w);
  y = T(reference::pooled_shape(window, x.shape));
  reference::for_each_window_entry(
      window, x.shape, [&](Index output, Index, Index input) { y[output] = F::add(y[output], x[input]); });
  for (Real& sum : y.data) sum = F::store(F::div(sum, size));
}

template <class F>
void ReferenceKernels<F>::avg_pool_gradient(const Window& window, const T& dy, T& dx) const {
  const Real size = static_cast<Real>(window.kernel_h * window.kernel_w);
  reference::scatter<F>(window, dx, [&](Index o, Index, Index) { return F::store(F::div(dy[o], size)); });
}

namespace reference {

/// The norm of every window in the accumulator.
template <class F>
std::vector<typename F::Real> window_norms(const Window& window, const Tensor<typename F::Real>& x) {
  std::vector<typename F::Real> norm(static_cast<std::size_t>(element_count(pooled_shape(window, x.shape))),
                                     0);
  for_each_window_entry(window, x.shape, [&](Index output, Index, Index input) {
    auto& sum = norm[static_cast<std::size_t>(output)];
    sum = F::fma(x[input], x[input], sum);
  });
  for (auto& r : norm) r = F::sqrt(r);
  return norm;
}

}  // namespace reference

template <class F>
void ReferenceKernels<F>::norm_pool(const Window& window, const T& x, T& y) const {
  const std::vector<Real> norms = reference::window_norms<F>(window, x);
  y = T(reference::pooled_shape(window, x.shape));
  for (Index o = 0; o < y.size(); ++o) y[o] = F::store(norms[static_cast<std::size_t>(o)]);
}

template <class F>
void ReferenceKernels<F>::norm_pool_gradient(const Window& window, const Choice& choice, const T& x,
                                             const T& dy, T& dx) const {
  const std::vector<Real> norms = reference::window_norms<F>(window, x);
  const Real at_zero = F::scalar(choice.normpool_at_0);
  reference::scatter<F>(window, dx, [&](Index o, Index, Index input) {
    const Real r = norms[static_cast<std::size_t>(o)];
    if (r == 0) return reference::scaled<F>(at_zero, dy[o]);
    return F::store(F::mul(dy[o], F::div(x[input], r)));
  });
}

}  // namespace gradzone
