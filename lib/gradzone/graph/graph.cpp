#include "gradzone/graph/graph.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

constexpr Index largest_tensor = Index{1} << 31;

[[noreturn]] void fail(const std::string& layer, const std::string& what) {
  throw UsageError(fmt::format("layer {}: {}", layer, what));
}

/// Shape rules: the output shape of each operation for one sample, or an error naming the layer.
class ShapeRule {
 public:
  ShapeRule(const std::string& layer, const std::vector<Shape>& inputs) : layer_(layer), inputs_(inputs) {}

  Shape operator()(const Input&) const { return only(0); }
  Shape operator()(const Conv2d& c) const {
    const Shape& x = image();
    if (c.in_channels < 1 || c.out_channels < 1) fail(layer_, "a convolution needs at least one channel");
    if (x[0] != c.in_channels) {
      fail(layer_, fmt::format("expects {} input channels, gets {}", c.in_channels, to_string(x)));
    }
    return windowed(c.window, c.out_channels);
  }
  Shape operator()(const Linear& l) const {
    if (l.in_features < 1 || l.out_features < 1) fail(layer_, "a linear layer needs at least one feature");
    if (only(1)[0] != l.in_features) {
      fail(layer_, fmt::format("expects {} features, gets {}", l.in_features, to_string(inputs_[0])));
    }
    return {l.out_features};
  }
  Shape operator()(const Activation&) const { return only(0); }
  Shape operator()(const MaxPool2d& p) const { return pooled(p.window); }
  Shape operator()(const AvgPool2d& p) const { return pooled(p.window); }
  Shape operator()(const NormPool2d& p) const { return pooled(p.window); }
  Shape operator()(const GlobalAvgPool&) const { return {image()[0], 1, 1}; }
  Shape operator()(const BatchNorm& b) const {
    if (only(0)[0] != b.channels) {
      fail(layer_, fmt::format("expects {} channels, gets {}", b.channels, to_string(inputs_[0])));
    }
    if (!(b.eps >= 0)) fail(layer_, "eps must not be negative");
    return inputs_[0];
  }
  Shape operator()(const Add&) const {
    if (inputs_.size() != 2 || inputs_[0] != inputs_[1]) fail(layer_, "needs two inputs of one shape");
    return inputs_[0];
  }
  Shape operator()(const Concat&) const {
    if (inputs_.empty()) fail(layer_, "needs at least one input");
    Shape out = inputs_[0];
    for (std::size_t i = 1; i < inputs_.size(); ++i) {
      const Shape& x = inputs_[i];
      if (x.size() != out.size() || !std::equal(x.begin() + 1, x.end(), out.begin() + 1)) {
        fail(layer_, fmt::format("cannot concatenate {} with {}", to_string(out), to_string(x)));
      }
      out[0] += x[0];
    }
    return out;
  }
  Shape operator()(const Flatten&) const { return {element_count(only(0))}; }
  Shape operator()(const Dropout&) const { return only(0); }

 private:
  const Shape& only(std::size_t rank) const {
    if (inputs_.size() != 1) fail(layer_, fmt::format("needs one input, gets {}", inputs_.size()));
    if (rank != 0 && inputs_[0].size() != rank) {
      fail(layer_, fmt::format("needs {}, gets shape {}", rank == 1 ? "a vector (flatten first)" : "an image",
                               to_string(inputs_[0])));
    }
    return inputs_[0];
  }
  const Shape& image() const { return only(3); }
  Shape windowed(const Window& w, Index channels) const {
    if (w.kernel_h < 1 || w.kernel_w < 1 || w.stride_h < 1 || w.stride_w < 1 || w.padding_h < 0 ||
        w.padding_w < 0) {
      fail(layer_, "kernel and stride must be positive, padding not negative");
    }
    if (w.padding_h + w.trailing_h < 0 || w.padding_w + w.trailing_w < 0)
      fail(layer_, "trailing padding may take away no more than the padding");
    const Shape& x = inputs_[0];
    if (x[1] + 2 * w.padding_h + w.trailing_h < w.kernel_h ||
        x[2] + 2 * w.padding_w + w.trailing_w < w.kernel_w) {
      fail(layer_, fmt::format("a {}x{} window does not fit an input of shape {}", w.kernel_h, w.kernel_w,
                               to_string(x)));
    }
    return {channels, w.out_h(x[1]), w.out_w(x[2])};
  }
  Shape pooled(const Window& w) const {
    const Shape& x = image();
    if (2 * w.padding_h > w.kernel_h || 2 * w.padding_w > w.kernel_w) {
      fail(layer_, "pooling padding may be at most half the kernel");
    }
    if (w.padding_h + w.trailing_h >= w.kernel_h || w.padding_w + w.trailing_w >= w.kernel_w)
      fail(layer_, "the last window would lie in the padding");
    return windowed(w, x[0]);
  }

  const std::string& layer_;
  const std::vector<Shape>& inputs_;
};

std::vector<ParameterSpec> parameters_of(const std::string& layer, const Operation& op, NodeId node) {
  const auto spec = [&](const char* leaf, Shape shape, bool trainable = true) {
    return ParameterSpec{layer + "." + leaf, std::move(shape), node, trainable};
  };
  std::vector<ParameterSpec> out;
  if (const auto* c = std::get_if<Conv2d>(&op)) {
    out.push_back(spec("weight", {c->out_channels, c->in_channels, c->window.kernel_h, c->window.kernel_w}));
    if (c->bias) out.push_back(spec("bias", {c->out_channels}));
  } else if (const auto* l = std::get_if<Linear>(&op)) {
    out.push_back(spec("weight", {l->out_features, l->in_features}));
    if (l->bias) out.push_back(spec("bias", {l->out_features}));
  } else if (const auto* b = std::get_if<BatchNorm>(&op)) {
    out.push_back(spec("weight", {b->channels}));
    out.push_back(spec("bias", {b->channels}));
    out.push_back(spec("running_mean", {b->channels}, false));
    out.push_back(spec("running_var", {b->channels}, false));
  }
  return out;
}

}  // namespace

Index Graph::classes() const {
  return element_count(nodes_.back().shape);
}

Graph Graph::with_scalars_of(FormatId format) const {
  Graph out = *this;
  for (Node& node : out.nodes_) {
    if (auto* a = std::get_if<Activation>(&node.op))
      a->negative_slope = round_to_scalar(format, a->negative_slope);
    if (auto* b = std::get_if<BatchNorm>(&node.op)) b->eps = round_to_scalar(format, b->eps);
    if (auto* p = std::get_if<MaxPool2d>(&node.op); p && p->pinned_beta) {
      p->pinned_beta = round_to_scalar(format, *p->pinned_beta);
    }
  }
  return out;
}

Graph Graph::with_batch_norm(BatchNorm::Mode mode) const {
  Graph out = *this;
  for (Node& node : out.nodes_) {
    if (auto* b = std::get_if<BatchNorm>(&node.op)) b->mode = mode;
  }
  return out;
}

std::string Graph::describe() const {
  std::string out = fmt::format("{}, input {}\n", name_, to_string(input_shape()));
  for (const Node& node : nodes_) {
    Index count = 0;
    for (const ParameterSpec& p : parameters_) {
      if (&this->node(p.node) == &node) count += element_count(p.shape);
    }
    out += fmt::format("  {:<24} {:<16} {:<18} {}\n", node.name, operation_name(node.op),
                       to_string(node.shape), count == 0 ? "" : fmt::format("{} parameters", count));
  }
  return out;
}

GraphBuilder::GraphBuilder(std::string name, Shape input_shape) {
  graph_.name_ = std::move(name);
  if (input_shape.size() != 1 && input_shape.size() != 3) {
    fail("input", fmt::format("must be [c, h, w] or [features], got {}", to_string(input_shape)));
  }
  if (std::any_of(input_shape.begin(), input_shape.end(), [](Index d) { return d < 1; })) {
    fail("input", fmt::format("every dimension must be positive, got {}", to_string(input_shape)));
  }
  checked_element_count(input_shape, largest_tensor, "input");
  layer_names_.insert("input");
  graph_.nodes_.push_back(Node{"input", Input{}, {}, std::move(input_shape), -1});
}

NodeId GraphBuilder::then(std::string layer_name, Operation op) {
  return add(std::move(layer_name), std::move(op), {last()});
}

NodeId GraphBuilder::add(std::string layer_name, Operation op, std::vector<NodeId> inputs,
                         std::vector<std::string> parameter_names) {
  std::vector<Shape> shapes;
  for (const NodeId id : inputs) {
    if (id < 0 || id > last()) fail(layer_name, fmt::format("input node {} does not exist", id));
    shapes.push_back(graph_.node(id).shape);
  }
  if (!layer_names_.insert(layer_name).second) fail(layer_name, "the name is used twice");
  if (std::holds_alternative<Input>(op)) fail(layer_name, "a graph has one input");
  Shape shape = std::visit(ShapeRule(layer_name, shapes), op);
  checked_element_count(shape, largest_tensor, "layer " + layer_name);
  const NodeId id = last() + 1;
  int first_parameter = -1;
  std::vector<ParameterSpec> specs = parameters_of(layer_name, op, id);
  if (!parameter_names.empty() && parameter_names.size() != specs.size())
    fail(layer_name, fmt::format("has {} parameters, not {}", specs.size(), parameter_names.size()));
  for (std::size_t k = 0; k < specs.size(); ++k) {
    ParameterSpec& spec = specs[k];
    if (!parameter_names.empty()) spec.name = std::move(parameter_names[k]);
    checked_element_count(spec.shape, largest_tensor, spec.name);
    if (!parameter_names_.insert(spec.name).second)
      fail(layer_name, fmt::format("the parameter name {} is used twice", spec.name));
    if (first_parameter < 0) first_parameter = static_cast<int>(graph_.parameters_.size());
    graph_.parameters_.push_back(std::move(spec));
  }
  graph_.nodes_.push_back(
      Node{std::move(layer_name), std::move(op), std::move(inputs), std::move(shape), first_parameter});
  return id;
}

Graph GraphBuilder::build(Loss loss) {
  const Node& end = graph_.nodes_.back();
  const Index count = element_count(end.shape);
  if (graph_.nodes_.size() < 2) fail("input", "the graph is empty");
  if (loss == Loss::cross_entropy && (end.shape.size() != 1 || count < 2)) {
    fail(end.name,
         fmt::format("cross-entropy needs a vector of at least two logits, gets {}", to_string(end.shape)));
  }
  if (loss == Loss::output && count != 1) {
    fail(end.name, fmt::format("the output loss needs one number, gets {}", to_string(end.shape)));
  }
  std::vector<bool> used(graph_.nodes_.size(), false);
  for (const Node& node : graph_.nodes_) {
    for (const NodeId id : node.inputs) used[static_cast<std::size_t>(id)] = true;
  }
  for (std::size_t i = 0; i + 1 < used.size(); ++i) {
    if (!used[i]) fail(graph_.nodes_[i].name, "its output is never used");
  }
  graph_.loss_ = loss;
  return std::move(graph_);
}

}  // namespace gradzone
