// Batch normalisation over (image, row, column) per channel; vectors count as 1x1 images.
#pragma once

#include "gradzone/kernels/reference/reference_kernels.hpp"
#include "gradzone/kernels/reference/sum.hpp"

namespace gradzone {

namespace reference {

/// Entries of one channel: calls visit(index) for image n in row-major order.
template <class Visit>
void for_each_in_channel(const Shape& shape, Index n, Index channel, Visit&& visit) {
  const Index area = shape.size() == 4 ? shape[1] * shape[2] : 1;
  for (Index i = n * area; i < (n + 1) * area; ++i) visit(i * shape.back() + channel);
}

/// batch_sum of images that may be one's own part of a shared batch.
template <class F, class AddTerms>
typename F::Real batch_sum_of(const SharedBatch* shared, Order order, Index images,
                              const AddTerms& add_terms) {
  auto groups = group_sums<F>(order, images, images_per_group, add_terms);
  if (!shared) return tree_sum<F>(std::move(groups));
  shared->add_groups<F>(groups.data(), 1);
  return groups.front();
}

}  // namespace reference

template <class F>
void ReferenceKernels<F>::batch_norm(const BatchNorm& op, const T& x, const T& weight, const T& bias,
                                     const T& running_mean, const T& running_var, T& y,
                                     BatchNormState<Real>& state) const {
  const Index images = x.dim(0), channels = x.shape.back();
  const Real count =
      static_cast<Real>((shared() ? shared()->images() : images) * (x.size() / channels / images));
  y = T(x.shape);
  state.mean.resize(static_cast<std::size_t>(channels));
  state.variance.resize(static_cast<std::size_t>(channels));
  state.inverse_deviation.resize(static_cast<std::size_t>(channels));
  for (Index c = 0; c < channels; ++c) {
    const auto sum_over_batch = [&](auto&& add_term) {
      return reference::batch_sum_of<F>(shared(), order_, images, [&](reference::Sum<F>& sum, Index n) {
        reference::for_each_in_channel(x.shape, n, c, [&](Index i) { add_term(sum, x[i]); });
      });
    };
    Real mean = running_mean[c], variance = running_var[c];
    if (op.mode == BatchNorm::Mode::training) {
      mean = F::div(sum_over_batch([](reference::Sum<F>& sum, Real v) { sum.add(v); }), count);
      variance = F::div(sum_over_batch([&](reference::Sum<F>& sum, Real v) {
                          const Real d = F::sub(v, mean);
                          sum.add_product(d, d);
                        }),
                        count);
    }
    const Real inverse = F::div(1, F::sqrt(F::add(variance, F::scalar(op.eps))));
    state.mean[static_cast<std::size_t>(c)] = mean;
    state.variance[static_cast<std::size_t>(c)] = variance;
    state.inverse_deviation[static_cast<std::size_t>(c)] = inverse;
    for (Index n = 0; n < images; ++n) {
      reference::for_each_in_channel(x.shape, n, c, [&](Index i) {
        y[i] = F::store(F::fma(weight[c], F::mul(F::sub(x[i], mean), inverse), bias[c]));
      });
    }
  }
}

template <class F>
void ReferenceKernels<F>::batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight,
                                              const BatchNormState<Real>& state, const T& dy, T& dx, T& dw,
                                              T& db) const {
  const Index images = x.dim(0), channels = x.shape.back();
  const Real count =
      static_cast<Real>((shared() ? shared()->images() : images) * (x.size() / channels / images));
  dx = T(x.shape);
  dw = T({channels});
  db = T({channels});
  for (Index c = 0; c < channels; ++c) {
    const Real mean = state.mean[static_cast<std::size_t>(c)];
    const Real inverse = state.inverse_deviation[static_cast<std::size_t>(c)];
    const auto normalised = [&](Index i) { return F::mul(F::sub(x[i], mean), inverse); };
    const auto sum_over_batch = [&](auto&& add_term) {
      return reference::batch_sum_of<F>(shared(), order_, images, [&](reference::Sum<F>& sum, Index n) {
        reference::for_each_in_channel(x.shape, n, c, [&](Index i) { add_term(sum, i); });
      });
    };
    const Real sum_g = sum_over_batch([&](reference::Sum<F>& sum, Index i) { sum.add(dy[i]); });
    const Real sum_gx =
        sum_over_batch([&](reference::Sum<F>& sum, Index i) { sum.add_product(dy[i], normalised(i)); });
    db[c] = F::store(sum_g);
    dw[c] = F::store(sum_gx);
    const Real scale = F::mul(weight[c], inverse);
    const Real mean_g = F::div(sum_g, count), mean_gx = F::div(sum_gx, count);
    for (Index n = 0; n < images; ++n) {
      reference::for_each_in_channel(x.shape, n, c, [&](Index i) {
        const Real centred = op.mode == BatchNorm::Mode::evaluation
                                 ? dy[i]
                                 : F::fma(-normalised(i), mean_gx, F::sub(dy[i], mean_g));
        dx[i] = F::store(F::mul(scale, centred));
      });
    }
  }
}

}  // namespace gradzone
