// Mixed precision, "amp16": what a training step does beside the kernels of kernels/amp16_kernels.hpp.
#pragma once

#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// The parameters that an amp16 pass reads, from binary32 masters (both per Graph::parameters()): those of
/// convolutions and linear layers rounded to binary16, those of batch norms as they are. The tensors of
/// `working` keep their memory.
void round_weights(const Graph& graph, const std::vector<Tensor<float>>& masters,
                   std::vector<Tensor<float>>& working);

/// The gradient of the logits that goes backward, from the one in binary32: times the loss scale in binary32,
/// rounded to binary16.
void scale_and_round(Tensor<float>& logits_gradient, float scale);

}  // namespace gradzone
