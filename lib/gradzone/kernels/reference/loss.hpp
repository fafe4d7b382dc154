// Softmax cross-entropy.
#pragma once

#include <vector>

#include "gradzone/kernels/reference/reference_kernels.hpp"
#include "gradzone/kernels/reference/sum.hpp"

namespace gradzone {

template <class F>
void ReferenceKernels<F>::cross_entropy(const T& logits, const std::vector<int>& labels, T& loss,
                                        T* dz) const {
  const Index images = logits.dim(0), classes = logits.dim(1);
  const Real count = static_cast<Real>(images);
  if (dz) *dz = T(logits.shape);
  std::vector<Real> losses(static_cast<std::size_t>(images));
  std::vector<Real> e(static_cast<std::size_t>(classes));
  for (Index n = 0; n < images; ++n) {
    const Real* z = &logits[n * classes];
    const Index label = labels[static_cast<std::size_t>(n)];
    Real largest = z[0];
    for (Index k = 1; k < classes; ++k) largest = z[k] > largest || z[k] != z[k] ? z[k] : largest;
    Real sum = 0;
    for (Index k = 0; k < classes; ++k) {
      e[static_cast<std::size_t>(k)] = F::exp(F::sub(z[k], largest));
      sum = F::add(sum, e[static_cast<std::size_t>(k)]);
    }
    losses[static_cast<std::size_t>(n)] = F::sub(F::log(sum), F::sub(z[label], largest));
    if (!dz) continue;
    for (Index k = 0; k < classes; ++k) {
      const Real p = F::div(e[static_cast<std::size_t>(k)], sum);
      (*dz)[n * classes + k] = F::store(F::div(k == label ? F::sub(p, 1) : p, count));
    }
  }
  const Real total = reference::batch_sum<F>(
      order_, images, images_per_group,
      [&](reference::Sum<F>& sum, Index n) { sum.add(losses[static_cast<std::size_t>(n)]); });
  loss = T({1}, F::store(F::div(total, count)));
}

}  // namespace gradzone
