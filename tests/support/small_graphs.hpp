// Short-hands for the tests: small graphs and points written in a line or two, and gradients made flat.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/certified_tensor.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone::support {

/// One entry of an axis: a window of `extent` values in a row, moved by `stride`.
inline Window row_window(Index extent, Index stride) {
  return {1, extent, 1, stride, 0, 0};
}

/// A batch of one image, or of as many as fill the shape [n, c, h, w] or [n, features].
inline MiniBatch batch_of(Shape shape, std::vector<double> values, std::vector<int> labels = {}) {
  return {Tensor<double>(std::move(shape), std::move(values)), std::move(labels)};
}

/// The parameters of `graph` from one list of numbers per tensor.
inline Parameters parameters_of(const Graph& graph, std::vector<std::vector<double>> values) {
  Parameters out;
  for (std::size_t p = 0; p < values.size(); ++p)
    out.emplace_back(graph.parameters()[p].shape, std::move(values[p]));
  return out;
}

/// The entries of all trainable parameters one after the other.
template <class T>
std::vector<T> flattened(const std::vector<Tensor<T>>& gradient) {
  std::vector<T> out;
  for (const auto& t : gradient) out.insert(out.end(), t.data.begin(), t.data.end());
  return out;
}

/// The same of certified gradients.
inline std::vector<Ball> flattened(const std::vector<CertifiedTensor>& gradient) {
  std::vector<Ball> out;
  for (const CertifiedTensor& t : gradient)
    for (Index i = 0; i < t.size(); ++i) out.push_back(t.ball(i));
  return out;
}

}  // namespace gradzone::support
