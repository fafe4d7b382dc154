#include "gradzone/eval/network.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "gradzone/graph/window_walk.hpp"
#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/layout.hpp"
#include "gradzone/kernels/reshape.hpp"

namespace gradzone {
namespace {

/// Gradients of outputs on their way down: what several layers contribute is summed, and memory goes round.
template <class F, class Memory>
class Descent {
 public:
  using T = typename Kernels<F, Memory>::T;

  Descent(const Graph& graph, const Kernels<F, Memory>& kernels, Gradients<F, Memory>& g, Keep keep)
      : kernels_(kernels), g_(g), keep_(keep), wanted_(graph.nodes().size(), keep == Keep::outputs) {
    for (std::size_t i = 1; i < wanted_.size(); ++i) {
      const Node& node = graph.nodes()[i];
      if (node.first_parameter >= 0) wanted_[i] = true;
      for (const NodeId input : node.inputs)
        if (wanted(input)) wanted_[i] = true;
    }
  }

  /// Whether dL/d(output) is kept or leads to parameters.
  bool wanted(NodeId id) const { return wanted_[static_cast<std::size_t>(id)]; }
  /// A tensor of this shape, in spare memory.
  T take(const Shape& shape) {
    // One of this size needs no zeros written; a much larger one would have to be grown again for its own
    // use.
    const auto size = static_cast<std::size_t>(element_count(shape));
    const auto waste = [size](const T& t) {
      const std::size_t capacity = t.data.capacity();
      if (t.data.size() == size) return std::size_t{0};
      return capacity < size || capacity > 2 * size ? capacity_unfit : 1 + capacity - size;
    };
    const auto best = std::ranges::min_element(g_.spare, {}, waste);
    T out;
    if (best != g_.spare.end() && waste(*best) != capacity_unfit) {
      out = std::move(*best);
      g_.spare.erase(best);
    }
    reshape(kernels_.memory(), out, shape);
    return out;
  }
  void give_back(T t) {
    if (t.data.capacity() > 0) g_.spare.push_back(std::move(t));
  }
  /// Adds a contribution to dL/d(output of node).
  void accumulate(NodeId id, T contribution) {
    T& sum = g_.outputs[static_cast<std::size_t>(id)];
    if (sum.empty()) {
      sum = std::move(contribution);
      return;
    }
    T total = take(sum.shape);
    kernels_.add(Add{}, sum, contribution, total);
    std::swap(sum, total);
    give_back(std::move(total));
    give_back(std::move(contribution));
  }
  /// A copy of dL/d(output), or the tensor itself if it is not kept.
  T pass_on(NodeId id) {
    T& dy = g_.outputs[static_cast<std::size_t>(id)];
    if (keep_ == Keep::parameters) return std::move(dy);
    T copy = take(dy.shape);
    copy.data = dy.data;
    return copy;
  }
  /// Node `id` has passed its gradient on.
  void leave(NodeId id) {
    if (keep_ == Keep::parameters) give_back(std::exchange(g_.outputs[static_cast<std::size_t>(id)], T()));
  }

 private:
  static constexpr std::size_t capacity_unfit = std::numeric_limits<std::size_t>::max();
  const Kernels<F, Memory>& kernels_;
  Gradients<F, Memory>& g_;
  Keep keep_;
  std::vector<bool> wanted_;
};

}  // namespace

template <class F, class Memory>
Network<F, Memory>::Network(const Graph& graph, std::unique_ptr<Kernels<F, Memory>> kernels)
    : graph_(graph), kernels_(std::move(kernels)), relu_after_(graph.nodes().size(), 0) {
  const auto& nodes = graph.nodes();
  std::vector<int> readers(nodes.size(), 0);
  for (const Node& node : nodes)
    for (const NodeId input : node.inputs) ++readers[static_cast<std::size_t>(input)];
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const auto* activation = std::get_if<Activation>(&nodes[i].op);
    if (!activation || activation->kind != Activation::Kind::relu) continue;
    const auto input = static_cast<std::size_t>(nodes[i].inputs[0]);
    const bool has_sums =
        std::holds_alternative<Conv2d>(nodes[input].op) || std::holds_alternative<Linear>(nodes[input].op);
    if (has_sums && readers[input] == 1) relu_after_[input] = static_cast<NodeId>(i);
  }
}

template <class F, class Memory>
void Network<F, Memory>::forward(const std::vector<T>& parameters, const T& x, const Choice& choice,
                                 Form form, Keep keep, Activations<F, Memory>& a) const {
  const auto& nodes = graph_.nodes();
  const Index images = x.dim(0);
  a.values.resize(nodes.size());
  a.argmax.resize(nodes.size());
  a.batch_norm.resize(nodes.size());
  if (&x != &a.values[0]) a.values[0] = x;
  // With derivative 0 at 0, a ReLU's gradient can be told from its value: max(0, x) <= 0 where x <= 0.
  const bool may_fuse = keep == Keep::parameters && choice.relu_at_0 == 0;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    const auto input = [&](std::size_t k) -> const T& {
      return a.values[static_cast<std::size_t>(node.inputs[k])];
    };
    const auto parameter = [&](std::size_t k) -> const T& {
      return parameters[static_cast<std::size_t>(node.first_parameter) + k];
    };
    const NodeId relu = may_fuse ? relu_after_[i] : 0;
    const After after = relu > 0 ? After::relu : After::nothing;
    if (relu > 0) a.values[i] = T();
    T& y = a.values[relu > 0 ? static_cast<std::size_t>(relu) : i];
    std::visit(
        overloaded{
            [](const Input&) {},
            [&](const Conv2d& op) {
              kernels_->conv2d(op, input(0), parameter(0), bias(parameters, node, op.bias), after, y);
            },
            [&](const Linear& op) {
              kernels_->linear(op, input(0), parameter(0), bias(parameters, node, op.bias), after, y);
            },
            [&](const Activation& op) {
              if (!input(0).empty()) kernels_->activation(op, input(0), y);
            },
            [&](const MaxPool2d& op) { kernels_->max_pool(op, choice, form, input(0), y, a.argmax[i]); },
            [&](const AvgPool2d& op) { kernels_->avg_pool(op.window, input(0), y); },
            [&](const GlobalAvgPool&) {
              kernels_->avg_pool(whole_image(graph_.node(node.inputs[0]).shape), input(0), y);
            },
            [&](const NormPool2d& op) { kernels_->norm_pool(op.window, input(0), y); },
            [&](const BatchNorm& op) {
              kernels_->batch_norm(op, input(0), parameter(0), parameter(1), parameter(2), parameter(3), y,
                                   a.batch_norm[i]);
            },
            [&](const Add& op) { kernels_->add(op, input(0), input(1), y); },
            [&](const Concat&) {
              std::vector<const T*> parts;
              for (std::size_t k = 0; k < node.inputs.size(); ++k) parts.push_back(&input(k));
              reshape(kernels_->memory(), y, channels_last(images, node.shape));
              kernels_->concatenate(parts, y);
            },
            [&](const Flatten&) { kernels_->flatten(input(0), y); }, [&](const Dropout&) { y = input(0); }},
        node.op);
  }
}

template <class F, class Memory>
void Network<F, Memory>::loss(const T& output, const Labels& labels, T& loss, T* gradient) const {
  if (graph_.loss() == Loss::cross_entropy) return kernels_->cross_entropy(output, labels, loss, gradient);
  kernels_->output_sum(output, loss, gradient);
}

template <class F, class Memory>
void Network<F, Memory>::backward(const std::vector<T>& parameters, const Activations<F, Memory>& a,
                                  const T& output_gradient, const Choice& choice, Form form, Keep keep,
                                  Gradients<F, Memory>& g) const {
  const auto& nodes = graph_.nodes();
  Descent<F, Memory> descent(graph_, *kernels_, g, keep);
  g.parameters.resize(graph_.parameters().size());
  g.outputs.resize(nodes.size());
  for (T& output : g.outputs) descent.give_back(std::exchange(output, T()));
  T top = descent.take(output_gradient.shape);
  top.data = output_gradient.data;
  g.outputs.back() = std::move(top);
  for (std::size_t i = nodes.size() - 1; i > 0; --i) {
    const Node& node = nodes[i];
    const NodeId id = static_cast<NodeId>(i);
    const T& dy = g.outputs[i];
    const auto input = [&](std::size_t k) -> const T& {
      return a.values[static_cast<std::size_t>(node.inputs[k])];
    };
    const auto parameter_gradient = [&](std::size_t k) -> T& {
      return g.parameters[static_cast<std::size_t>(node.first_parameter) + k];
    };
    const auto weight = [&]() -> const T& {
      return parameters[static_cast<std::size_t>(node.first_parameter)];
    };
    /// Computes the gradient of input k with a kernel that fills dx (of the right shape) and accumulates it.
    const auto to_input = [&](std::size_t k, auto&& kernel) {
      if (!descent.wanted(node.inputs[k])) return;
      T dx = descent.take(input(k).shape);
      kernel(dx);
      descent.accumulate(node.inputs[k], std::move(dx));
    };
    /// Of a convolution or linear layer: the gradients of its parameters, and that of its input.
    const auto to_both = [&](bool with_bias, auto&& weight_kernel, auto&& input_kernel) {
      const auto to_parameters = [&] {
        weight_kernel(parameter_gradient(0), with_bias ? &parameter_gradient(1) : nullptr);
      };
      if (!descent.wanted(node.inputs[0])) return to_parameters();
      to_input(0, [&](T& dx) { kernels_->side_by_side(to_parameters, [&] { input_kernel(dx); }); });
    };
    std::visit(
        overloaded{
            [](const Input&) {},
            [&](const Conv2d& op) {
              to_both(
                  op.bias, [&](T& dw, T* db) { kernels_->conv2d_weight_gradient(op, input(0), dy, dw, db); },
                  [&](T& dx) { kernels_->conv2d_input_gradient(op, dy, weight(), dx); });
            },
            [&](const Linear& op) {
              to_both(
                  op.bias, [&](T& dw, T* db) { kernels_->linear_weight_gradient(op, input(0), dy, dw, db); },
                  [&](T& dx) { kernels_->linear_input_gradient(op, dy, weight(), dx); });
            },
            [&](const Activation& op) {
              const T& x = input(0).empty() ? a.values[i] : input(0);
              if (!descent.wanted(node.inputs[0])) return;
              T dx = descent.pass_on(id);
              kernels_->activation_gradient(op, choice, x, dx, dx);
              descent.accumulate(node.inputs[0], std::move(dx));
            },
            [&](const MaxPool2d& op) {
              to_input(0, [&](T& dx) { kernels_->max_pool_gradient(op, choice, form, a.argmax[i], dy, dx); });
            },
            [&](const AvgPool2d& op) {
              to_input(0, [&](T& dx) { kernels_->avg_pool_gradient(op.window, dy, dx); });
            },
            [&](const GlobalAvgPool&) {
              const Window window = whole_image(graph_.node(node.inputs[0]).shape);
              to_input(0, [&](T& dx) { kernels_->avg_pool_gradient(window, dy, dx); });
            },
            [&](const NormPool2d& op) {
              to_input(0, [&](T& dx) { kernels_->norm_pool_gradient(op.window, choice, input(0), dy, dx); });
            },
            [&](const BatchNorm& op) {
              T dx = descent.take(input(0).shape);
              kernels_->batch_norm_gradient(op, input(0), weight(), a.batch_norm[i], dy, dx,
                                            parameter_gradient(0), parameter_gradient(1));
              if (descent.wanted(node.inputs[0])) descent.accumulate(node.inputs[0], std::move(dx));
            },
            [&](const Add& op) {
              T second;
              if (descent.wanted(node.inputs[1])) {
                second = descent.take(dy.shape);
                if (op.subtract) {
                  kernels_->negate(dy, second);
                } else {
                  second.data = dy.data;
                }
              }
              if (descent.wanted(node.inputs[0])) descent.accumulate(node.inputs[0], descent.pass_on(id));
              if (descent.wanted(node.inputs[1])) descent.accumulate(node.inputs[1], std::move(second));
            },
            [&](const Concat&) {
              Index first = 0;
              for (std::size_t k = 0; k < node.inputs.size(); ++k) {
                to_input(k, [&](T& part) { kernels_->concatenate_gradient(dy, first, part); });
                first += input(k).shape.back();
              }
            },
            [&](const Flatten&) { to_input(0, [&](T& dx) { kernels_->flatten_gradient(dy, dx); }); },
            [&](const Dropout&) {
              if (descent.wanted(node.inputs[0])) descent.accumulate(node.inputs[0], descent.pass_on(id));
            }},
        node.op);
    descent.leave(id);
  }
}

template class Network<Fp64>;
template class Network<Fp32>;
template class Network<Fp16>;
template class Network<Bf16>;
template class Network<Fp16Strict>;

template class Network<Fp64, DeviceMemory>;
template class Network<Fp32, DeviceMemory>;
template class Network<Fp16, DeviceMemory>;
template class Network<Bf16, DeviceMemory>;
template class Network<Fp16Strict, DeviceMemory>;

}  // namespace gradzone
