// What the operations of an ONNX graph are made of: their inputs, and the layers that they become.
#include <fmt/format.h>

#include "gradzone/base/error.hpp"
#include "gradzone/io/onnx/importer.hpp"
#include "gradzone/io/onnx/model_file.hpp"

namespace gradzone {

const Value& OnnxImporter::input(const NodeReader& node, int k) {
  if (!node.has_input(k)) throw Obstacle{fmt::format("needs an input {}", k + 1)};
  return values_[node.proto().input(k)];
}

Features OnnxImporter::features(const NodeReader& node, int k) {
  input(node, k);
  Value& value = values_[node.proto().input(k)];
  if (const auto* layer = std::get_if<Unbiased>(&value)) value = finished(*layer, nullptr);
  const auto* x = std::get_if<Features>(&value);
  if (!x) throw Obstacle{fmt::format("its input {} is a constant", k + 1)};
  if (x->final) throw Obstacle{"follows a softmax"};
  const std::string& op = node.proto().op_type();
  if (x->channels_last && op != "Transpose") throw Obstacle{"looks at an image whose channels are last"};
  if (!x->border.empty() && op != "Conv" && op != "AveragePool")
    throw Obstacle{"follows a Pad; only convolutions and average pools may"};
  return *x;
}

Features OnnxImporter::image(const NodeReader& node, int k) {
  Features x = features(node, k);
  if (x.shape.size() != 3 || x.shape != shapes_[static_cast<std::size_t>(x.node)])
    throw Obstacle{fmt::format("needs an image [c, h, w], gets {}", to_string(x.shape))};
  return x;
}

NodeId OnnxImporter::vector(const Features& x) {
  if (x.shape.size() != 1) throw Obstacle{fmt::format("needs a vector, gets {}", to_string(x.shape))};
  if (shapes_[static_cast<std::size_t>(x.node)].size() == 1) return x.node;
  const auto known = flattened_.find(x.node);
  if (known != flattened_.end()) return known->second;
  const NodeId id = emit(x.flattened_by, Flatten{}, {x.node}).node;
  return flattened_[x.node] = id;
}

NodeId OnnxImporter::entries(const Features& x) {
  return x.shape.size() == 1 ? vector(x) : x.node;
}

const Weight* OnnxImporter::find_weight(const NodeReader& node, int k) {
  return std::get_if<Weight>(&input(node, k));
}

Weight OnnxImporter::weight(const NodeReader& node, int k, std::size_t rank) {
  const Weight* w = find_weight(node, k);
  if (!w) throw Obstacle{fmt::format("its input {} must be an initialiser", k + 1)};
  if (w->shape.size() != rank)
    throw Obstacle{
        fmt::format("its input {} has shape {}; {} dimensions are read", k + 1, to_string(w->shape), rank)};
  return *w;
}

Integers OnnxImporter::integers(const NodeReader& node, int k) {
  const Value& v = input(node, k);
  if (const auto* known = std::get_if<Integers>(&v)) return *known;
  const auto* w = std::get_if<Weight>(&v);
  if (!w || w->transposed) throw Obstacle{fmt::format("its input {} must be constant integers", k + 1)};
  return tensors_.integers(*w->tensor);
}

double OnnxImporter::scalar(const NodeReader& node, int k) {
  const Weight* w = find_weight(node, k);
  if (!w || element_count(w->shape) != 1 || !OnnxTensors::is_float(*w->tensor))
    throw Obstacle{fmt::format("its input {} must be a constant number", k + 1)};
  return tensors_.numbers(*w->tensor, w->name).values[0];
}

void OnnxImporter::give(const NodeReader& node, Value value) {
  if (node.proto().output_size() < 1) throw Obstacle{"has no output"};
  values_[node.proto().output(0)] = std::move(value);
}

std::string OnnxImporter::layer_name(const NodeReader& node) {
  const auto& proto = node.proto();
  return printable_name(proto.name().empty() ? fmt::format("{}_{}", proto.op_type(), layers_.size())
                                             : proto.name());
}

std::string OnnxImporter::unique_layer(std::string name) {
  std::string unique = name;
  for (int k = 2; !layers_.insert(unique).second; ++k) unique = fmt::format("{}_{}", name, k);
  return unique;
}

/// A weight that a second layer uses is a parameter of its own there.
std::string OnnxImporter::parameter_name(const Weight& weight, const std::string& layer) {
  const std::string name = printable_name(weight.name);
  if (parameter_names_.insert(name).second) return name;
  std::string own = fmt::format("{}@{}", name, layer);
  if (!parameter_names_.insert(own).second) throw Obstacle{fmt::format("uses {} twice", name)};
  out_.notes.push_back(fmt::format(
      "initialiser {} is used more than once: its uses are parameters of their own, this one called {}", name,
      own));
  return own;
}

Features OnnxImporter::emit(const std::string& name, Operation op, std::vector<NodeId> inputs,
                            const std::vector<Weight>& weights) {
  const std::string layer = unique_layer(name);
  std::vector<std::string> names;
  for (const Weight& w : weights) names.push_back(parameter_name(w, layer));
  NodeId id = 0;
  try {
    id = builder_->add(layer, std::move(op), std::move(inputs), names);
  } catch (const Error& error) {  // the graph's shape rules and limits
    throw Obstacle{error.what()};
  }
  shapes_.push_back(builder_->shape(id));
  for (std::size_t k = 0; k < weights.size(); ++k) {
    Weight parameter = weights[k];
    parameter.name = names[k];
    parameters_.push_back(std::move(parameter));
  }
  Features out;
  out.node = id;
  out.shape = shapes_.back();
  return out;
}

Features OnnxImporter::finished(const Unbiased& layer, const Weight* bias) {
  std::vector<Weight> weights{layer.weight};
  Operation op = layer.op;
  if (bias) {
    std::visit(overloaded{[](Conv2d& c) { c.bias = true; }, [](Linear& l) { l.bias = true; }, [](auto&) {}},
               op);
    weights.push_back(*bias);
    weights.back().shape = {element_count(bias->shape)};
  }
  return emit(layer.name, std::move(op), {layer.input}, weights);
}

void OnnxImporter::give_weighted(const NodeReader& node, Unbiased layer, const Weight* bias) {
  // PyTorch's exporter keeps the names of the module: "features.0.weight" is of the layer "features.0".
  constexpr std::string_view leaf = ".weight";
  const std::string& name = layer.weight.name;
  layer.name =
      name.ends_with(leaf) ? printable_name(name.substr(0, name.size() - leaf.size())) : layer_name(node);
  if (bias) {
    give(node, finished(layer, bias));
  } else {
    give(node, std::move(layer));
  }
}

/// An Add of an initialiser to a layer that has no bias yet and no other reader.
bool OnnxImporter::add_bias(const NodeReader& node) {
  if (node.proto().op_type() != "Add" || node.proto().input_size() != 2) return false;
  for (const int k : {0, 1}) {
    const auto* layer = std::get_if<Unbiased>(&input(node, k));
    const auto* bias = std::get_if<Weight>(&input(node, 1 - k));
    if (!layer || !bias) continue;
    if (uses_[node.proto().input(k)] != 1)
      throw Obstacle{"its bias is for one of several readers of a layer"};
    const bool is_conv = std::holds_alternative<Conv2d>(layer->op);
    const Index channels = layer->weight.shape[0];
    Shape last = bias->shape;  // broadcast: [out] behind a linear layer, [out, 1, 1] behind a convolution
    while (!last.empty() && last.front() == 1) last.erase(last.begin());
    const Shape wanted = is_conv ? Shape{channels, 1, 1} : Shape{channels};
    if (channels != 1 ? last != wanted : !last.empty())
      throw Obstacle{fmt::format("adds {}, which is no bias", to_string(bias->shape))};
    give(node, finished(Unbiased(*layer), bias));
    return true;
  }
  return false;
}

}  // namespace gradzone
