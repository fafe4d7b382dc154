// Batch norm's running statistics, as PyTorch updates them.
#pragma once

#include <vector>

#include "gradzone/eval/network.hpp"

namespace gradzone {

inline constexpr double batch_norm_momentum = 0.1;

/// After a forward pass in training mode: for every batch norm, with mean and var of the mini-batch and M
/// values per channel,
///   running_mean = store(0.1 * mean + 0.9 * running_mean)
///   running_var  = store(0.1 * (var * (M / (M - 1))) + 0.9 * running_var)
/// where 0.1, 0.9 and M / (M - 1) are F's scalars and every operation is one of its accumulator. F is the
/// format that the statistics are kept in. Precondition: M > 1.
template <class F, class Computed>
void update_running_statistics(const Graph& graph, const Activations<Computed>& activations,
                               std::vector<Tensor<typename F::Real>>& parameters) {
  using Real = typename F::Real;
  const Real fresh = F::scalar(batch_norm_momentum), kept = F::scalar(1 - batch_norm_momentum);
  const auto mix = [&](Real statistic, Real running) {
    return F::store(F::add(F::mul(fresh, statistic), F::mul(kept, running)));
  };
  const auto& nodes = graph.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto* op = std::get_if<BatchNorm>(&nodes[i].op);
    if (op == nullptr) continue;
    const BatchNormState<Real>& batch = activations.batch_norm[i];
    const auto first = static_cast<std::size_t>(nodes[i].first_parameter);
    auto& mean = parameters[first + 2].data;
    auto& variance = parameters[first + 3].data;
    const double count = static_cast<double>(activations.values[i].size() / op->channels);
    const Real unbiased = F::scalar(count / (count - 1));
    for (std::size_t c = 0; c < mean.size(); ++c) {
      mean[c] = mix(batch.mean[c], mean[c]);
      variance[c] = mix(F::mul(batch.variance[c], unbiased), variance[c]);
    }
  }
}

}  // namespace gradzone
