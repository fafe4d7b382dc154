// Network<F>: a graph run forward and backward with the kernels of one format. The typed core behind
// FloatEvaluator and the trainer.
#pragma once

#include <memory>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Everything a forward pass leaves for the backward pass: one entry per node (empty where not needed).
template <class F>
struct Activations {
  std::vector<Tensor<typename F::Real>> values;
  std::vector<ArgmaxSets> argmax;
  std::vector<BatchNormState<typename F::Real>> batch_norm;
};

/// Parameter gradients are per Graph::parameters() entry, empty where not trainable; outputs[i] is dL/d(node
/// i).
template <class F>
struct Gradients {
  std::vector<Tensor<typename F::Real>> parameters;
  std::vector<Tensor<typename F::Real>> outputs;
};

template <class F>
class Network {
 public:
  using Real = typename F::Real;
  using T = Tensor<Real>;

  /// The graph's scalars must be those of the format already (Graph::with_scalars_of); it must outlive the
  /// network.
  Network(const Graph& graph, std::unique_ptr<Kernels<F>> kernels)
      : graph_(graph), kernels_(std::move(kernels)) {}

  /// x: [N, input shape]. Precondition: shapes fit the graph.
  Activations<F> forward(const std::vector<T>& parameters, T x, const Choice& choice, Form form) const;

  /// The loss and its gradient with respect to the output node.
  Real loss(const T& output, const std::vector<int>& labels, T* gradient) const;

  /// Backward pass from dL/d(output). `input_too`: also compute the gradient of the network's input
  /// (outputs[0]).
  Gradients<F> backward(const std::vector<T>& parameters, const Activations<F>& activations,
                        T output_gradient, const Choice& choice, Form form, bool input_too) const;

  const Graph& graph() const { return graph_; }

 private:
  const T* bias(const std::vector<T>& parameters, const Node& node, bool present) const {
    return present ? &parameters[static_cast<std::size_t>(node.first_parameter) + 1] : nullptr;
  }

  const Graph& graph_;
  std::unique_ptr<Kernels<F>> kernels_;
};

}  // namespace gradzone
