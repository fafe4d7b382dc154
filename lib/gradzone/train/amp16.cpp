#include "gradzone/train/amp16.hpp"

#include <variant>

#include "gradzone/arith/rounding.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"

namespace gradzone {

void round_weights(const Graph& graph, const std::vector<Tensor<float>>& masters,
                   std::vector<Tensor<float>>& working) {
  constexpr Index work_of_an_entry = 4;
  working.resize(masters.size());
  for (std::size_t p = 0; p < masters.size(); ++p) {
    const Tensor<float>& from = masters[p];
    Tensor<float>& to = working[p];
    to = from;
    if (std::holds_alternative<BatchNorm>(graph.node(graph.parameters()[p].node).op)) continue;
    cpu::parallel(from.size(), work_of_an_entry, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) to[i] = round_to_binary16(from[i]);
    });
  }
}

void scale_and_round(Tensor<float>& logits_gradient, float scale) {
  for (float& g : logits_gradient.data) g = round_to_binary16(scale * g);
}

}  // namespace gradzone
