#include "gradzone/graph/point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

Tensor<double> rounded(const Tensor<double>& t, FormatId format) {
  Tensor<double> out = t;
  visit_format(format, [&](auto f) {
    using F = typename decltype(f)::type;
    for (double& v : out.data) v = static_cast<double>(F::from_double(v));
  });
  return out;
}

Index first_non_finite(const Tensor<double>& t) {
  const auto it = std::find_if(t.data.begin(), t.data.end(), [](double v) { return !std::isfinite(v); });
  return it == t.data.end() ? -1 : it - t.data.begin();
}

}  // namespace

void validate(const Graph& graph, const Parameters& parameters) {
  const auto& specs = graph.parameters();
  if (parameters.size() != specs.size()) {
    throw InputError(
        fmt::format("{} needs {} parameter tensors, got {}", graph.name(), specs.size(), parameters.size()));
  }
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (parameters[i].shape != specs[i].shape) {
      throw InputError(fmt::format("tensor {}: shape {} but {} needs {}", specs[i].name,
                                   to_string(parameters[i].shape), graph.name(), to_string(specs[i].shape)));
    }
    if (const Index at = first_non_finite(parameters[i]); at >= 0) {
      throw InputError(fmt::format("tensor {}: entry {} is {}; a point needs finite parameters",
                                   specs[i].name, at, parameters[i][at]));
    }
  }
}

Parameters round_to_format(const Parameters& parameters, FormatId format) {
  Parameters out;
  out.reserve(parameters.size());
  for (const auto& t : parameters) out.push_back(rounded(t, format));
  return out;
}

MiniBatch round_to_format(const MiniBatch& batch, FormatId format) {
  return {rounded(batch.x, format), batch.labels};
}

void validate(const Graph& graph, const MiniBatch& batch) {
  Shape expected = graph.input_shape();
  expected.insert(expected.begin(), batch.size());
  if (batch.size() < 1 || batch.x.shape != expected) {
    throw InputError(fmt::format("input of shape {} does not fit {}, which takes [N, {}",
                                 to_string(batch.x.shape), graph.name(),
                                 to_string(graph.input_shape()).substr(1)));
  }
  if (const Index at = first_non_finite(batch.x); at >= 0) {
    throw InputError(fmt::format("input entry {} is {}; a point needs finite inputs", at, batch.x[at]));
  }
  if (graph.loss() == Loss::output) return;
  if (static_cast<Index>(batch.labels.size()) != batch.size()) {
    throw InputError(fmt::format("{} labels for {} images", batch.labels.size(), batch.size()));
  }
  for (const int y : batch.labels) {
    if (y < 0 || y >= graph.classes()) {
      throw InputError(fmt::format("label {} is outside 0 ... {}", y, graph.classes() - 1));
    }
  }
}

}  // namespace gradzone
