// The values that the float program of a format computes, node by node: what FloatRun leaves out.
#pragma once

#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// One tensor per node, [N, c, h, w] or [N, features], held exactly in binary64: the forward pass of
/// FloatEvaluator::run with the same arguments. Parameters, batch and scalars are rounded to the format.
std::vector<Tensor<double>> float_values(const Graph& graph, const Parameters& parameters, Format format,
                                         const MiniBatch& batch, const Choice& choice, Form form);

}  // namespace gradzone
