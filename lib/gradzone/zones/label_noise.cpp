#include "gradzone/zones/label_noise.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace gradzone {
namespace {

/// The same network with one number for an output: a weighted sum of the logits.
Graph with_readout(const Graph& graph) {
  GraphBuilder builder(graph.name(), graph.input_shape());
  for (std::size_t k = 1; k < graph.nodes().size(); ++k) {
    const Node& node = graph.nodes()[k];
    std::vector<std::string> names;
    for (const ParameterSpec& spec : graph.parameters()) {
      if (spec.node == static_cast<NodeId>(k)) names.push_back(spec.name);
    }
    builder.add(node.name, node.op, node.inputs, names);
  }
  builder.then("gradzone.readout", Linear{graph.classes(), 1, false});
  return builder.build(Loss::output);
}

MiniBatch with_label(const MiniBatch& batch, int label) {
  const Index size = batch.x.size() / batch.size();
  MiniBatch out;
  for (Index n = 0; n < batch.size(); ++n) {
    if (batch.labels[static_cast<std::size_t>(n)] != label) continue;
    const auto begin = batch.x.data.begin() + n * size;
    out.x.data.insert(out.x.data.end(), begin, begin + size);
  }
  out.x.shape = batch.x.shape;
  out.x.shape[0] = out.x.size() / size;
  return out;
}

}  // namespace

std::vector<Tensor<double>> label_derivative(const Graph& graph, const Parameters& parameters,
                                             const MiniBatch& batch, const Choice& choice, Form form) {
  const Graph readout = with_readout(graph.with_batch_norm(BatchNorm::Mode::evaluation));
  Parameters all = parameters;
  all.emplace_back(Shape{1, graph.classes()});
  std::vector<Tensor<double>> out(parameters.size());
  std::vector<int> labels = batch.labels;
  std::ranges::sort(labels);
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  for (const int label : labels) {
    all.back().data.assign(all.back().data.size(), 0);
    all.back()[label] = 1 / static_cast<double>(batch.size());
    const auto evaluator = make_float_evaluator(readout, all, {FormatId::fp64});
    const FloatRun run = evaluator->run(with_label(batch, label), choice, form);
    for (std::size_t p = 0; p < out.size(); ++p) {
      if (run.gradient[p].empty()) continue;  // not trained
      if (out[p].empty()) out[p] = Tensor<double>(run.gradient[p].shape);
      for (Index i = 0; i < out[p].size(); ++i) out[p][i] += run.gradient[p][i];
    }
  }
  return out;
}

double common_multiple(const std::vector<Tensor<double>>& differences,
                       const std::vector<Tensor<double>>& direction, const std::vector<bool>& may_jump) {
  std::vector<double> multiples;
  for (std::size_t p = 0; p < differences.size(); ++p) {
    if (may_jump[p]) continue;
    double along = 0, length = 0;
    for (Index i = 0; i < differences[p].size(); ++i) {
      along += differences[p][i] * direction[p][i];
      length += direction[p][i] * direction[p][i];
    }
    if (length > 0 && std::isfinite(along / length)) multiples.push_back(along / length);
  }
  if (multiples.empty()) return 0;
  std::ranges::sort(multiples);
  const std::size_t half = multiples.size() / 2;
  return multiples.size() % 2 == 1 ? multiples[half] : (multiples[half - 1] + multiples[half]) / 2;
}

}  // namespace gradzone
