#include "gradzone/eval/network.hpp"

#include <algorithm>
#include <utility>

#include "gradzone/graph/window_walk.hpp"

namespace gradzone {
namespace {

/// [N, shape...]
Shape batched(Index images, const Shape& shape) {
  Shape out{images};
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

template <class Real>
void concatenate(const std::vector<const Tensor<Real>*>& parts, Tensor<Real>& y) {
  const Index images = y.shape[0];
  auto out = y.data.begin();
  for (Index n = 0; n < images; ++n) {
    for (const Tensor<Real>* part : parts) {
      const Index size = part->size() / images;
      out = std::copy_n(part->data.begin() + n * size, size, out);
    }
  }
}

}  // namespace

template <class F>
Activations<F> Network<F>::forward(const std::vector<T>& parameters, T x, const Choice& choice,
                                   Form form) const {
  const auto& nodes = graph_.nodes();
  const Index images = x.dim(0);
  Activations<F> a;
  a.values.resize(nodes.size());
  a.argmax.resize(nodes.size());
  a.batch_norm.resize(nodes.size());
  a.values[0] = std::move(x);
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    const auto input = [&](std::size_t k) -> const T& {
      return a.values[static_cast<std::size_t>(node.inputs[k])];
    };
    const auto parameter = [&](std::size_t k) -> const T& {
      return parameters[static_cast<std::size_t>(node.first_parameter) + k];
    };
    T& y = a.values[i];
    std::visit(overloaded{[](const Input&) {},
                          [&](const Conv2d& op) {
                            kernels_->conv2d(op, input(0), parameter(0), bias(parameters, node, op.bias), y);
                          },
                          [&](const Linear& op) {
                            kernels_->linear(op, input(0), parameter(0), bias(parameters, node, op.bias), y);
                          },
                          [&](const Activation& op) { kernels_->activation(op, input(0), y); },
                          [&](const MaxPool2d& op) {
                            kernels_->max_pool(op, choice, form, input(0), y, a.argmax[i]);
                          },
                          [&](const AvgPool2d& op) { kernels_->avg_pool(op.window, input(0), y); },
                          [&](const GlobalAvgPool&) {
                            kernels_->avg_pool(whole_image(graph_.node(node.inputs[0]).shape), input(0), y);
                          },
                          [&](const NormPool2d& op) { kernels_->norm_pool(op.window, input(0), y); },
                          [&](const BatchNorm& op) {
                            kernels_->batch_norm(op, input(0), parameter(0), parameter(1), parameter(2),
                                                 parameter(3), y, a.batch_norm[i]);
                          },
                          [&](const Add& op) { kernels_->add(op, input(0), input(1), y); },
                          [&](const Concat&) {
                            std::vector<const T*> parts;
                            for (std::size_t k = 0; k < node.inputs.size(); ++k) parts.push_back(&input(k));
                            y = T(batched(images, node.shape));
                            concatenate(parts, y);
                          },
                          [&](const Flatten&) { y = T(batched(images, node.shape), input(0).data); },
                          [&](const Dropout&) { y = input(0); }},
               node.op);
  }
  return a;
}

template <class F>
typename F::Real Network<F>::loss(const T& output, const std::vector<int>& labels, T* gradient) const {
  if (graph_.loss() == Loss::cross_entropy) return kernels_->cross_entropy(output, labels, gradient);
  Real sum = 0;
  for (const Real value : output.data) sum = F::add(sum, value);
  if (gradient) *gradient = T(output.shape, Real(1));
  return F::store(sum);
}

template <class F>
Gradients<F> Network<F>::backward(const std::vector<T>& parameters, const Activations<F>& a,
                                  T output_gradient, const Choice& choice, Form form, bool input_too) const {
  const auto& nodes = graph_.nodes();
  Gradients<F> g;
  g.parameters.resize(graph_.parameters().size());
  g.outputs.resize(nodes.size());
  g.outputs.back() = std::move(output_gradient);
  const auto accumulate = [&](NodeId id, T contribution) {
    T& sum = g.outputs[static_cast<std::size_t>(id)];
    if (sum.empty()) {
      sum = std::move(contribution);
    } else {
      T total;
      kernels_->add(Add{}, sum, contribution, total);
      sum = std::move(total);
    }
  };
  for (std::size_t i = nodes.size() - 1; i > 0; --i) {
    const Node& node = nodes[i];
    const T& dy = g.outputs[i];
    const auto input = [&](std::size_t k) -> const T& {
      return a.values[static_cast<std::size_t>(node.inputs[k])];
    };
    const auto wanted = [&](std::size_t k) { return input_too || node.inputs[k] != 0; };
    const auto parameter_gradient = [&](std::size_t k) -> T& {
      return g.parameters[static_cast<std::size_t>(node.first_parameter) + k];
    };
    const auto weight = [&]() -> const T& {
      return parameters[static_cast<std::size_t>(node.first_parameter)];
    };
    /// Computes the gradient of input 0 with a kernel that fills dx (shape set beforehand) and accumulates
    /// it.
    const auto to_input = [&](auto&& kernel) {
      if (!wanted(0)) return;
      T dx;
      dx.shape = input(0).shape;
      kernel(dx);
      accumulate(node.inputs[0], std::move(dx));
    };
    std::visit(
        overloaded{
            [](const Input&) {},
            [&](const Conv2d& op) {
              kernels_->conv2d_weight_gradient(op, input(0), dy, parameter_gradient(0),
                                               op.bias ? &parameter_gradient(1) : nullptr);
              to_input([&](T& dx) { kernels_->conv2d_input_gradient(op, dy, weight(), dx); });
            },
            [&](const Linear& op) {
              kernels_->linear_weight_gradient(op, input(0), dy, parameter_gradient(0),
                                               op.bias ? &parameter_gradient(1) : nullptr);
              to_input([&](T& dx) { kernels_->linear_input_gradient(op, dy, weight(), dx); });
            },
            [&](const Activation& op) {
              to_input([&](T& dx) { kernels_->activation_gradient(op, choice, input(0), dy, dx); });
            },
            [&](const MaxPool2d& op) {
              to_input([&](T& dx) { kernels_->max_pool_gradient(op, choice, form, a.argmax[i], dy, dx); });
            },
            [&](const AvgPool2d& op) {
              to_input([&](T& dx) { kernels_->avg_pool_gradient(op.window, dy, dx); });
            },
            [&](const GlobalAvgPool&) {
              const Window window = whole_image(graph_.node(node.inputs[0]).shape);
              to_input([&](T& dx) { kernels_->avg_pool_gradient(window, dy, dx); });
            },
            [&](const NormPool2d& op) {
              to_input([&](T& dx) { kernels_->norm_pool_gradient(op.window, choice, input(0), dy, dx); });
            },
            [&](const BatchNorm& op) {
              T dx;
              kernels_->batch_norm_gradient(op, input(0), weight(), a.batch_norm[i], dy, dx,
                                            parameter_gradient(0), parameter_gradient(1));
              if (wanted(0)) accumulate(node.inputs[0], std::move(dx));
            },
            [&](const Add& op) {
              if (wanted(0)) accumulate(node.inputs[0], dy);
              if (!wanted(1)) return;
              T second = dy;
              if (op.subtract) {
                for (Real& v : second.data) v = -v;
              }
              accumulate(node.inputs[1], std::move(second));
            },
            [&](const Concat&) {
              const Index images = dy.dim(0);
              Index offset = 0;
              for (std::size_t k = 0; k < node.inputs.size(); ++k) {
                const Index size = input(k).size() / images, stride = dy.size() / images;
                if (wanted(k)) {
                  T part(input(k).shape);
                  for (Index n = 0; n < images; ++n) {
                    std::copy_n(dy.data.begin() + n * stride + offset, size, part.data.begin() + n * size);
                  }
                  accumulate(node.inputs[k], std::move(part));
                }
                offset += size;
              }
            },
            [&](const Flatten&) {
              if (wanted(0)) accumulate(node.inputs[0], T(input(0).shape, dy.data));
            },
            [&](const Dropout&) {
              if (wanted(0)) accumulate(node.inputs[0], dy);
            }},
        node.op);
  }
  return g;
}

template class Network<Fp64>;
template class Network<Fp32>;
template class Network<Fp16>;
template class Network<Bf16>;
template class Network<Fp16Strict>;

}  // namespace gradzone
