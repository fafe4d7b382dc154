// Network<F>: a graph run forward and backward with the kernels of one format. The typed core behind
// FloatEvaluator and the trainer. Images are channels last (kernels/layout.hpp).
#pragma once

#include <memory>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Everything a forward pass leaves for the backward pass: one entry per node (empty where not needed).
/// Passed to the next forward pass, it is overwritten in place: a training step of the same batch size
/// allocates nothing.
template <class F, class Memory = HostMemory>
struct Activations {
  using Kernel = Kernels<F, Memory>;
  std::vector<typename Kernel::T> values;
  std::vector<typename Kernel::Sets> argmax;
  std::vector<typename Kernel::State> batch_norm;
};

/// What the passes leave beside the loss and the parameters' gradients.
enum class Keep {
  parameters,  ///< nothing: layers are fused and memory is reused where that changes no number
  outputs      ///< the value of every node and dL/d(output) of it, the network's input included
};

/// Parameter gradients are per Graph::parameters() entry, empty where not trainable; outputs[i] is dL/d(node
/// i), if kept. Reused like Activations.
template <class F, class Memory = HostMemory>
struct Gradients {
  using T = typename Kernels<F, Memory>::T;
  std::vector<T> parameters;
  std::vector<T> outputs;
  std::vector<T> spare;  ///< memory between uses
};

template <class F, class Memory = HostMemory>
class Network {
 public:
  using Real = typename F::Real;
  using T = typename Kernels<F, Memory>::T;
  using Labels = typename Kernels<F, Memory>::Labels;

  /// The graph's scalars must be those of the format already (Graph::with_scalars_of); it must outlive the
  /// network.
  Network(const Graph& graph, std::unique_ptr<Kernels<F, Memory>> kernels);

  /// x: the input's shape, channels last; it may be activations.values[0], if there is a value per node.
  /// Precondition: shapes fit the graph.
  void forward(const std::vector<T>& parameters, const T& x, const Choice& choice, Form form, Keep keep,
               Activations<F, Memory>& activations) const;

  /// The loss [1] and its gradient with respect to the output node, which may be null.
  void loss(const T& output, const Labels& labels, T& loss, T* gradient) const;

  /// Backward pass from dL/d(output), after a forward pass with the same choice and `keep`. After one that
  /// kept the outputs `keep` may be either and, where the forward run does not depend on it (the direct
  /// form), the choice any.
  void backward(const std::vector<T>& parameters, const Activations<F, Memory>& activations,
                const T& output_gradient, const Choice& choice, Form form, Keep keep,
                Gradients<F, Memory>& gradients) const;

  const Graph& graph() const { return graph_; }
  const Kernels<F, Memory>& kernels() const { return *kernels_; }

 private:
  const T* bias(const std::vector<T>& parameters, const Node& node, bool present) const {
    return present ? &parameters[static_cast<std::size_t>(node.first_parameter) + 1] : nullptr;
  }

  const Graph& graph_;
  std::unique_ptr<Kernels<F, Memory>> kernels_;
  std::vector<NodeId>
      relu_after_;  ///< of a convolution or linear layer: the ReLU that alone reads it, else 0
};

}  // namespace gradzone
