#include "gradzone/study/pseudo_labels.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "gradzone/arith/formats.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/kernels/layout.hpp"

namespace gradzone {
namespace {

/// The network and what it has answered so far.
class Answers {
 public:
  Answers(const Graph& graph, const Parameters& parameters, Index images)
      : graph_(graph.with_scalars_of(FormatId::fp64).with_batch_norm(BatchNorm::Mode::evaluation)),
        network_(graph_, make_cpu_kernels<Fp64>(Order::chain)),
        parameters_(parameters),
        labels_(static_cast<std::size_t>(images)) {
    for (std::atomic<int>& label : labels_) label = unknown;
  }
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  /// Two threads may both compute an answer: it is the same one.
  int label(Index image, std::span<const float> values) {
    std::atomic<int>& label = labels_[static_cast<std::size_t>(image)];
    if (label == unknown) label = answer(values);
    return label;
  }

 private:
  static constexpr int unknown = -1;

  int answer(std::span<const float> values) const {
    Tensor<double> x{{}, {values.begin(), values.end()}};
    x.shape = graph_.input_shape();
    x.shape.insert(x.shape.begin(), 1);
    Activations<Fp64> activations;
    network_.forward(parameters_, channels_last<double>(x), Choice{}, Form::direct, Keep::parameters,
                     activations);
    const std::vector<double>& logits = activations.values.back().data;
    return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }

  Graph graph_;
  Network<Fp64> network_;  ///< of graph_
  Parameters parameters_;
  std::vector<std::atomic<int>> labels_;
};

}  // namespace

Dataset with_pseudo_labels(const Dataset& data, const Graph& graph, const Parameters& parameters) {
  if (data.labelled()) return data;
  const auto answers = std::make_shared<Answers>(graph, parameters, data.size());
  return data.labelled_by(
      [answers](Index image, std::span<const float> values) { return answers->label(image, values); });
}

}  // namespace gradzone
