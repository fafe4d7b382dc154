#include "gradzone/eval/float_evaluator.hpp"

#include <algorithm>
#include <optional>
#include <type_traits>
#include <utility>

#include "gradzone/arith/tensors.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/eval/non_finite.hpp"
#include "gradzone/eval/places.hpp"
#include "gradzone/eval/search.hpp"
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
                               const Window& window) {
  // The sign is the window maximum's, read from the input: in the composed form y is not the maximum.
  const Index size = window.kernel_h * window.kernel_w, outputs = static_cast<Index>(argmax.size()) / size;
  LayerBranches out{id, codes_of(argmax, x.dim(0), x.dim(1), size),
                    std::vector<std::int8_t>(static_cast<std::size_t>(outputs), 0)};
  const std::vector<std::uint8_t>& sets = out.codes;
  const Index h = x.dim(2), width = x.dim(3), out_h = window.out_h(h), out_w = window.out_w(width);
  for (Index o = 0; o < outputs; ++o) {
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

/// What the passes of a run leave of which a FloatRun is made, in the memory of this process; what it is not
/// made of may be missing.
template <class F>
struct Passes {
  typename F::Real loss = 0;
  std::string non_finite_layer;
  Activations<F> activations;
  Gradients<F> gradients;
};

/// The node whose value tells the branches of this one.
std::size_t telling_node(const Graph& graph, std::size_t i) {
  const Node& node = graph.nodes()[i];
  return std::holds_alternative<NormPool2d>(node.op) ? i : static_cast<std::size_t>(node.inputs[0]);
}

/// Downloads what a FloatRun is made of.
template <class F>
void download(const Graph& graph, const Activations<F, DeviceMemory>& a, const Gradients<F, DeviceMemory>& g,
              Passes<F>& out) {
  const std::size_t count = graph.nodes().size();
  out.activations.values.resize(count);
  out.activations.argmax.resize(count);
  out.gradients.outputs.resize(count);
  out.activations.values.back() = a.values.back().download();
  out.gradients.outputs[0] = g.outputs[0].download();
  for (const auto& gradient : g.parameters) out.gradients.parameters.push_back(gradient.download());
  for (std::size_t i = 0; i < count; ++i) {
    if (!has_kink(graph.nodes()[i].op)) continue;
    const std::size_t telling = telling_node(graph, i);
    if (out.activations.values[telling].empty())
      out.activations.values[telling] = a.values[telling].download();
    out.activations.argmax[i] = a.argmax[i].download();
    out.gradients.outputs[i] = g.outputs[i].download();
  }
}

/// Memory: HostMemory, or DeviceMemory, whose passes keep their memory from run to run.
template <class F, class Memory>
class TypedEvaluator final : public FloatEvaluator {
  using Real = typename F::Real;
  using T = typename Memory::template Tensor<Real>;

 public:
  TypedEvaluator(const Graph& graph, const Parameters& parameters, const Backend& backend,
                 std::unique_ptr<Kernels<F, Memory>> kernels)
      : backend_(backend), graph_(graph.with_scalars_of(F::id)), network_(graph_, std::move(kernels)) {
    backend_.run([&] {
      parameters_ = put_parameters<F>(memory(), parameters);
      if (backend_.on_device()) workspace_.emplace(memory());
    });
  }

  FloatRun run(const MiniBatch& batch, const Choice& choice, Form form) const override {
    const Passes<F> passes =
        make_passes(channels_last<Real>(to_format<F>(batch.x)), batch.labels, choice, form);
    const auto& [loss, non_finite, activations, gradients] = passes;
    FloatRun run;
    run.loss = static_cast<double>(loss);
    run.logits = channels_first<double>(activations.values.back());
    for (const auto& gradient : gradients.parameters) run.gradient.push_back(to_double(gradient));
    run.input_gradient = channels_first<double>(gradients.outputs[0]);
    run.non_finite_layer = non_finite;
    const auto& nodes = graph_.nodes();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!has_kink(nodes[i].op)) continue;
      const auto value = channels_first<Real>(activations.values[telling_node(graph_, i)]);
      const NodeId id = static_cast<NodeId>(i);
      if (const auto* pool = std::get_if<MaxPool2d>(&nodes[i].op)) {
        run.branches.push_back(branches_of_pool(id, activations.argmax[i], value, pool->window));
      } else if (const auto* activation = std::get_if<Activation>(&nodes[i].op)) {
        run.branches.push_back(branches_of_activation(id, *activation, value));
      } else {
        run.branches.push_back(branches_of_norm(id, value));
      }
      run.output_gradients.push_back(channels_first<double>(gradients.outputs[i]));
    }
    return run;
  }

 private:
  /// Memory of passes, and what looks through it.
  struct Workspace {
    explicit Workspace(Memory memory) : search(make_search<F>(memory)) {}
    Activations<F, Memory> activations;
    Gradients<F, Memory> gradients;
    typename Network<F, Memory>::Labels labels;
    T loss, output_gradient;
    std::unique_ptr<Search<F, Memory>> search;
  };

  Memory memory() const { return network_.kernels().memory(); }

  Passes<F> make_passes(Tensor<Real> x, const std::vector<int>& labels, const Choice& choice,
                        Form form) const {
    Passes<F> out;
    if constexpr (std::is_same_v<Memory, HostMemory>) {
      Workspace workspace(memory());  // of each run, as they may be side by side
      make_passes(std::move(x), labels, choice, form, workspace, out);
      out.activations = std::move(workspace.activations);
      out.gradients = std::move(workspace.gradients);
    } else {
      backend_.run([&] {
        make_passes(std::move(x), labels, choice, form, *workspace_, out);
        download(graph_, workspace_->activations, workspace_->gradients, out);
      });
    }
    return out;
  }

  void make_passes(Tensor<Real> x, const std::vector<int>& labels, const Choice& choice, Form form,
                   Workspace& w, Passes<F>& out) const {
    w.activations.values.resize(graph_.nodes().size());
    put(memory(), std::move(x), w.activations.values.front());
    network_.forward(parameters_, w.activations.values.front(), choice, form, Keep::outputs, w.activations);
    put(memory(), labels, w.labels);
    network_.loss(w.activations.values.back(), w.labels, w.loss, &w.output_gradient);
    out.loss = on_host(w.loss)[0];
    network_.backward(parameters_, w.activations, w.output_gradient, choice, form, Keep::outputs,
                      w.gradients);
    const auto finite = [&](const T& t) {
      w.search->forget();
      w.search->for_non_finite(t);
      return !w.search->found();
    };
    out.non_finite_layer = non_finite_layer(
        graph_, first_non_finite(graph_, w.activations, static_cast<double>(out.loss), w.gradients, finite));
  }

  Backend backend_;
  Graph graph_;
  Network<F, Memory> network_;
  std::vector<T> parameters_;
  mutable std::optional<Workspace> workspace_;  ///< of a device: for who has its turn
};

}  // namespace

std::unique_ptr<FloatEvaluator> make_float_evaluator(const Graph& graph, const Parameters& parameters,
                                                     Format format, const Backend& backend) {
  check_formats(backend, {format});
  return visit_format(format.id, [&](auto f) -> std::unique_ptr<FloatEvaluator> {
    using F = typename decltype(f)::type;
    if (backend.on_device())
      return std::make_unique<TypedEvaluator<F, DeviceMemory>>(
          graph, parameters, backend, make_kernels<F>(memory_of<DeviceMemory>(backend), format.order));
    return std::make_unique<TypedEvaluator<F, HostMemory>>(graph, parameters, backend,
                                                           backend.kind() == Backend::cpu
                                                               ? make_cpu_kernels<F>(format.order)
                                                               : make_reference_kernels<F>(format.order));
  });
}

}  // namespace gradzone
