#include "gradzone/eval/float_evaluator.hpp"

#include <utility>

#include "gradzone/arith/tensors.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/eval/non_finite.hpp"
#include "gradzone/kernels/layout.hpp"

namespace gradzone {
namespace {

/// Argmax sets as LayerBranches has them: [N, c, out_h, out_w, window position].
std::vector<std::uint8_t> codes_of(const ArgmaxSets& sets, Index images, Index channels, Index positions) {
  const Index outputs = static_cast<Index>(sets.size()) / (images * channels * positions);
  std::vector<std::uint8_t> out(sets.size());
  auto to = out.begin();
  for (Index n = 0; n < images; ++n)
    for (Index c = 0; c < channels; ++c)
      for (Index o = 0; o < outputs; ++o) {
        to = std::copy_n(sets.begin() + ((n * outputs + o) * channels + c) * positions, positions, to);
      }
  return out;
}

template <class Real>
LayerBranches branches_of_pool(NodeId id, const ArgmaxSets& argmax, const Tensor<Real>& x,
                               const Tensor<Real>& y, const Window& window) {
  // The sign is the window maximum's, read from the input: in the composed form y is not the maximum.
  LayerBranches out{id, codes_of(argmax, x.dim(0), x.dim(1), window.kernel_h * window.kernel_w),
                    std::vector<std::int8_t>(y.data.size(), 0)};
  const std::vector<std::uint8_t>& sets = out.codes;
  const Index size = window.kernel_h * window.kernel_w;
  const Index h = x.dim(2), width = x.dim(3), out_h = y.dim(2), out_w = y.dim(3);
  for (Index o = 0; o < y.size(); ++o) {
    Index position = 0;
    while (position < size && !sets[static_cast<std::size_t>(o * size + position)]) ++position;
    if (position == size) continue;
    const Index row = (o / out_w) % out_h * window.stride_h - window.padding_h + position / window.kernel_w;
    const Index column = o % out_w * window.stride_w - window.padding_w + position % window.kernel_w;
    const Real m = x[(o / (out_h * out_w) * h + row) * width + column];
    out.signs[static_cast<std::size_t>(o)] = static_cast<std::int8_t>((m > 0) - (m < 0));
  }
  return out;
}

template <class Real>
LayerBranches branches_of_activation(NodeId id, const Activation& op, const Tensor<Real>& x) {
  const PiecewiseLinear function = piecewise(op);
  LayerBranches out{id, std::vector<std::uint8_t>(x.data.size(), 0), {}};
  for (std::size_t i = 0; i < x.data.size(); ++i) {
    std::uint8_t code = 0;
    for (const double kink : function.kinks) {
      const Real k = static_cast<Real>(kink);
      if (x.data[i] < k) break;
      ++code;
      if (x.data[i] == k) break;
      ++code;
    }
    out.codes[i] = code;
  }
  return out;
}

template <class Real>
LayerBranches branches_of_norm(NodeId id, const Tensor<Real>& y) {
  // The float program is at its kink where its norm is zero, be it by underflow: that is then a false zero.
  LayerBranches out{id, std::vector<std::uint8_t>(y.data.size(), 0), {}};
  for (std::size_t o = 0; o < y.data.size(); ++o) out.codes[o] = y.data[o] == 0;
  return out;
}

template <class F>
class TypedEvaluator final : public FloatEvaluator {
 public:
  TypedEvaluator(const Graph& graph, const Parameters& parameters, Order order, Backend backend)
      : graph_(graph.with_scalars_of(F::id)),
        network_(graph_,
                 backend == Backend::cpu ? make_cpu_kernels<F>(order) : make_reference_kernels<F>(order)) {
    for (const Tensor<double>& t : parameters) parameters_.push_back(to_format<F>(t));
  }

  FloatRun run(const MiniBatch& batch, const Choice& choice, Form form) const override {
    using Real = typename F::Real;
    Activations<F> activations;
    Gradients<F> gradients;
    network_.forward(parameters_, channels_last<Real>(to_format<F>(batch.x)), choice, form, Keep::outputs,
                     activations);
    const auto& output = activations.values.back();
    Tensor<Real> output_gradient;
    FloatRun run;
    run.loss = static_cast<double>(network_.loss(output, batch.labels, &output_gradient));
    run.logits = channels_first<double>(output);
    network_.backward(parameters_, activations, output_gradient, choice, form, Keep::outputs, gradients);
    for (const auto& gradient : gradients.parameters) run.gradient.push_back(to_double(gradient));
    run.input_gradient = channels_first<double>(gradients.outputs[0]);
    run.non_finite_layer = non_finite_layer(graph_, activations, run.loss, gradients);
    const auto& nodes = graph_.nodes();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!has_kink(nodes[i].op)) continue;
      const auto x = channels_first<Real>(activations.values[static_cast<std::size_t>(nodes[i].inputs[0])]);
      const auto y = channels_first<Real>(activations.values[i]);
      const NodeId id = static_cast<NodeId>(i);
      if (const auto* pool = std::get_if<MaxPool2d>(&nodes[i].op)) {
        run.branches.push_back(branches_of_pool(id, activations.argmax[i], x, y, pool->window));
      } else if (const auto* activation = std::get_if<Activation>(&nodes[i].op)) {
        run.branches.push_back(branches_of_activation(id, *activation, x));
      } else {
        run.branches.push_back(branches_of_norm(id, y));
      }
      run.output_gradients.push_back(channels_first<double>(gradients.outputs[i]));
    }
    return run;
  }

 private:
  Graph graph_;
  Network<F> network_;
  std::vector<Tensor<typename F::Real>> parameters_;
};

}  // namespace

std::unique_ptr<FloatEvaluator> make_float_evaluator(const Graph& graph, const Parameters& parameters,
                                                     Format format, Backend backend) {
  if (format.order == Order::tensor_cores) refuse_without_card(full_name(format));
  return visit_format(format.id, [&](auto f) -> std::unique_ptr<FloatEvaluator> {
    return std::make_unique<TypedEvaluator<typename decltype(f)::type>>(graph, parameters, format.order,
                                                                        backend);
  });
}

}  // namespace gradzone
