// What rounding at the softmax does to a gradient: p - 1 cancels for a confident label, and its error, some
// units in the last place of 1, goes into every tensor by one and the same factor.
#pragma once

#include <vector>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// The derivative of the label's logit with respect to every parameter, summed over the images and divided by
/// their number, in binary64 (batch norms with their running statistics): where such an error points.
std::vector<Tensor<double>> label_derivative(const Graph& graph, const Parameters& parameters,
                                             const MiniBatch& batch, const Choice& choice, Form form);

/// The multiple of `direction` in the differences of most tensors: the median over those tensors in which it
/// points anywhere. Empty tensors, and those that `may_jump`, are left out.
double common_multiple(const std::vector<Tensor<double>>& differences,
                       const std::vector<Tensor<double>>& direction, const std::vector<bool>& may_jump);

}  // namespace gradzone
