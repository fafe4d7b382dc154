// Batch norm's running statistics, as PyTorch updates them.
#pragma once

#include <vector>

#include "gradzone/base/host_device.hpp"
#include "gradzone/eval/network.hpp"

namespace gradzone {

inline constexpr double batch_norm_momentum = 0.1;

/// store(0.1 * statistic + 0.9 * running), where 0.1 and 0.9 are F's scalars.
template <class F>
GRADZONE_HOST_DEVICE typename F::Real running_statistic(typename F::Real statistic,
                                                        typename F::Real running) {
  const auto fresh = F::scalar(batch_norm_momentum), kept = F::scalar(1 - batch_norm_momentum);
  return F::store(F::add(F::mul(fresh, statistic), F::mul(kept, running)));
}

/// visit(node, its first parameter, M / (M - 1) as F's scalar) for every batch norm that normalised M values
/// per channel, of `images` images (of which the activations may be those of some). Precondition: M > 1.
template <class F, class Computed, class Memory, class Visit>
void for_each_batch_norm(const Graph& graph, const Activations<Computed, Memory>& activations, Index images,
                         const Visit& visit) {
  const auto& nodes = graph.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto* op = std::get_if<BatchNorm>(&nodes[i].op);
    if (op == nullptr) continue;
    const auto& values = activations.values[i];
    const double count = static_cast<double>(values.size() / values.dim(0) / op->channels * images);
    visit(i, static_cast<std::size_t>(nodes[i].first_parameter), F::scalar(count / (count - 1)));
  }
}

/// After a forward pass in training mode: for every batch norm, with mean and var of the mini-batch and M
/// values per channel,
///   running_mean = store(0.1 * mean + 0.9 * running_mean)
///   running_var  = store(0.1 * (var * (M / (M - 1))) + 0.9 * running_var)
/// where 0.1, 0.9 and M / (M - 1) are F's scalars and every operation is one of its accumulator. F is the
/// format that the statistics are kept in. Precondition: M > 1.
template <class F, class Computed>
void update_running_statistics(const Graph& graph, const Activations<Computed>& activations, Index images,
                               std::vector<Tensor<typename F::Real>>& parameters) {
  using Real = typename F::Real;
  for_each_batch_norm<F>(graph, activations, images, [&](std::size_t node, std::size_t first, Real unbiased) {
    const BatchNormState<Real>& batch = activations.batch_norm[node];
    auto& mean = parameters[first + 2].data;
    auto& variance = parameters[first + 3].data;
    for (std::size_t c = 0; c < mean.size(); ++c) {
      mean[c] = running_statistic<F>(batch.mean[c], mean[c]);
      variance[c] = running_statistic<F>(F::mul(batch.variance[c], unbiased), variance[c]);
    }
  });
}

}  // namespace gradzone
