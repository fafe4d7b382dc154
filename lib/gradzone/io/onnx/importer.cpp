#include "gradzone/io/onnx/importer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/io/onnx/model_file.hpp"

namespace gradzone {
namespace {

constexpr int most_nodes = 20'000;

std::string node_title(const onnx::NodeProto& node) {
  const std::string name = node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name();
  const std::string domain = node.domain().empty() || node.domain() == "ai.onnx" ? "" : node.domain() + ".";
  return fmt::format("node {} ({}{})", printable_name(name), printable_name(domain),
                     printable_name(node.op_type()));
}

/// A Transpose of the input from [n, h, w, c]. Looked at before nodes are read: anything odd is their
/// business.
bool turns_channels_first(const onnx::NodeProto& node, const std::string& input) {
  if (node.op_type() != "Transpose" || node.input_size() != 1 || node.input(0) != input) return false;
  const onnx::AttributeProto* perm = NodeReader(node).find("perm");
  return perm && Integers(perm->ints().begin(), perm->ints().end()) == Integers{0, 3, 1, 2};
}

}  // namespace

OnnxImporter::OnnxImporter(const onnx::ModelProto& model, OnnxTensors tensors, std::string where,
                           std::string name, OnnxOptions options)
    : model_(model),
      tensors_(std::move(tensors)),
      where_(std::move(where)),
      name_(std::move(name)),
      options_(std::move(options)) {}

void OnnxImporter::fail(const std::string& what) const {
  throw InputError(fmt::format("{}: {}", where_, what));
}

const std::map<std::string_view, OnnxImporter::Handler>& OnnxImporter::handlers() {
  using I = OnnxImporter;
  static const std::map<std::string_view, Handler> all{
      {"Conv", &I::conv},
      {"Gemm", &I::gemm},
      {"MatMul", &I::matmul},
      {"BatchNormalization", &I::batch_norm},
      {"MaxPool", &I::max_pool},
      {"AveragePool", &I::average_pool},
      {"LpPool", &I::norm_pool},
      {"GlobalAveragePool", &I::global_average},
      {"GlobalMaxPool", &I::global_max},
      {"ReduceMean", &I::reduce_mean},
      {"Relu", &I::activation},
      {"LeakyRelu", &I::activation},
      {"Abs", &I::activation},
      {"Clip", &I::clip},
      {"Add", &I::add},
      {"Sub", &I::add},
      {"Dropout", &I::dropout},
      {"Softmax", &I::softmax},
      {"LogSoftmax", &I::softmax},
      {"Identity", &I::identity},
      {"Cast", &I::cast},
      {"Constant", &I::constant},
      {"Shape", &I::shape},
      {"Gather", &I::gather},
      {"Slice", &I::slice},
      {"Mul", &I::multiply},
      {"Concat", &I::concat},
      {"Flatten", &I::flatten},
      {"Reshape", &I::reshape},
      {"Squeeze", &I::squeeze},
      {"Unsqueeze", &I::unsqueeze},
      {"Transpose", &I::transpose},
      {"Pad", &I::pad},
  };
  return all;
}

OnnxNetwork OnnxImporter::run() {
  const auto& graph = model_.graph();
  if (graph.node_size() > most_nodes) fail(fmt::format("has more than {} nodes", most_nodes));
  if (graph.output_size() == 0) fail("its graph has no output");
  mark_needed();
  for (const auto& tensor : graph.initializer()) {
    if (needed_.contains(tensor.name()))
      values_[tensor.name()] = Weight{&tensor, tensor.name(), tensors_.shape(tensor), false};
  }
  read_input();
  for (const auto& node : graph.node()) {
    const bool is_needed = std::any_of(node.output().begin(), node.output().end(),
                                       [&](const std::string& name) { return needed_.contains(name); });
    if (is_needed) read_node(node);
  }
  if (graph.output_size() > 1)
    out_.notes.push_back(fmt::format("of {} outputs the first one, {}, is the logits", graph.output_size(),
                                     printable_name(graph.output(0).name())));
  finish();
  return std::move(out_);
}

/// The values that the first output depends on, backwards through nodes that the format wants in order.
void OnnxImporter::mark_needed() {
  const auto& graph = model_.graph();
  needed_.insert(graph.output(0).name());
  for (int i = graph.node_size() - 1; i >= 0; --i) {
    const auto& node = graph.node(i);
    const bool is_needed = std::any_of(node.output().begin(), node.output().end(),
                                       [&](const std::string& name) { return needed_.contains(name); });
    if (!is_needed) continue;
    for (const std::string& input : node.input()) {
      if (input.empty()) continue;
      needed_.insert(input);
      ++uses_[input];
      first_reader_[input] = &node;
    }
  }
}

void OnnxImporter::read_input() {
  std::vector<const onnx::ValueInfoProto*> inputs;
  for (const auto& input : model_.graph().input()) {
    if (!values_.contains(input.name()) && needed_.contains(input.name())) inputs.push_back(&input);
  }
  if (inputs.empty()) fail("has an output that depends on no input (a cycle, or nodes out of order)");
  if (inputs.size() != 1)
    fail(fmt::format("has {} inputs that its output depends on; a network has one", inputs.size()));
  const auto& input = *inputs.front();
  Shape shape = input_shape(input);
  bool channels_last = false;
  for (const auto& node : model_.graph().node())
    channels_last = channels_last || (shape.size() == 3 && turns_channels_first(node, input.name()));
  if (channels_last) {
    std::rotate(shape.begin(), shape.begin() + 2, shape.end());
    out_.notes.push_back(
        fmt::format("the input is channels last in the file; images are given as {}", to_string(shape)));
  }
  try {
    builder_.emplace(name_, shape);
  } catch (const Error& error) {
    fail(error.what());
  }
  shapes_.push_back(shape);
  layers_.insert("input");
  values_[input.name()] = Features{0, shape, {}, {}, channels_last, false, false};
}

/// Of one sample, from the file or, where it is open, from the options.
Shape OnnxImporter::input_shape(const onnx::ValueInfoProto& input) {
  const auto& dims = input.type().tensor_type().shape();
  const auto open = [](const auto& d) { return !d.has_dim_value() || d.dim_value() < 1; };
  const std::string name = printable_name(input.name());
  if (dims.dim_size() != 4 && dims.dim_size() != 2)
    fail(fmt::format("input {} has {} dimensions; a mini-batch of images has 4, of vectors 2", name,
                     dims.dim_size()));
  if (!open(dims.dim(0))) file_batch_ = dims.dim(0).dim_value();
  Shape shape;
  bool is_open = false;
  for (int i = 1; i < dims.dim_size(); ++i) {
    is_open = is_open || open(dims.dim(i));
    shape.push_back(open(dims.dim(i)) ? -1 : dims.dim(i).dim_value());
  }
  if (!options_.input) {
    if (is_open)
      fail(fmt::format(
          "leaves the size of its input open, {} with -1 for open: write {},input=3x224x224 (of one "
          "sample, channels first)",
          to_string(shape), where_));
    return shape;
  }
  const Shape& wanted = *options_.input;
  bool fits = wanted.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] == -1 || shape[i] == wanted[i];
  if (!fits)
    throw UsageError(fmt::format("{}: input={} does not fit the file's input {}", where_,
                                 fmt::join(wanted, "x"), to_string(shape)));
  return wanted;
}

void OnnxImporter::read_node(const onnx::NodeProto& proto) {
  const NodeReader node(proto);
  bool follows_obstacle = false;
  for (const std::string& name : proto.input()) {
    if (!name.empty() && !values_.contains(name))
      fail(fmt::format(
          "{} reads {}, which no input, initialiser or earlier node provides (a cycle, or nodes out "
          "of order)",
          node_title(proto), printable_name(name)));
    follows_obstacle = follows_obstacle || (!name.empty() && std::holds_alternative<Unknown>(values_[name]));
  }
  try {
    if (follows_obstacle) throw Obstacle{};
    const bool standard = proto.domain().empty() || proto.domain() == "ai.onnx";
    const auto handler = handlers().find(proto.op_type());
    if (!standard || handler == handlers().end())
      throw Obstacle{"is not among the operations that are read (docs/checkpoints.md lists them)"};
    for (int i = 1; i < proto.output_size(); ++i) {
      if (needed_.contains(proto.output(i)) && uses_.contains(proto.output(i)))
        throw Obstacle{"only its first output is read"};
    }
    (this->*handler->second)(node);
  } catch (const Obstacle& obstacle) {
    if (!obstacle.reason.empty())
      out_.obstacles.push_back(fmt::format("{}: {}", node_title(proto), obstacle.reason));
    for (const std::string& name : proto.output()) values_[name] = Unknown{};
  }
}

void OnnxImporter::finish() {
  const std::string& name = model_.graph().output(0).name();
  if (!values_.contains(name)) fail(fmt::format("nothing provides its output {}", printable_name(name)));
  out_.checkpoint.metadata["format"] = "onnx";
  const std::string producer = model_.producer_name() + " " + model_.producer_version();
  if (producer != " ") out_.checkpoint.metadata["producer"] = printable_name(producer);
  if (!out_.obstacles.empty()) return;
  try {
    if (const auto* layer = std::get_if<Unbiased>(&values_[name])) values_[name] = finished(*layer, nullptr);
    const auto* logits = std::get_if<Features>(&values_[name]);
    if (!logits) throw Obstacle{"is no output of a layer"};
    vector(*logits);
    out_.graph = builder_->build(Loss::cross_entropy);
  } catch (const Obstacle& obstacle) {
    out_.obstacles.push_back(fmt::format("output {}: {}", printable_name(name), obstacle.reason));
  } catch (const UsageError& error) {
    out_.obstacles.push_back(fmt::format("output {}: {}", printable_name(name), error.what()));
  }
  if (out_.graph) decode_parameters();
}

/// Initialisers may be used many times; not so often that a small file fills the memory.
void OnnxImporter::decode_parameters() {
  double held = 0, wanted = 0;
  for (const auto& tensor : model_.graph().initializer())
    held += static_cast<double>(element_count(tensors_.shape(tensor)));
  for (const Weight& w : parameters_) wanted += static_cast<double>(element_count(w.shape));
  if (wanted > 4 * held + 1e6) fail("uses its initialisers so often that they would fill the memory");
  for (const Weight& w : parameters_) {
    NamedTensor tensor = tensors_.numbers(*w.tensor, w.name);
    out_.external_data = out_.external_data || w.tensor->data_location() == onnx::TensorProto::EXTERNAL;
    if (w.transposed) {
      const Tensor<double> in_out = std::move(tensor.values);
      tensor.values = Tensor<double>(w.shape);
      const Index rows = w.shape[0], columns = w.shape[1];
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) tensor.values[i * columns + j] = in_out[j * rows + i];
      out_.transposed.insert(w.name);
    }
    out_.checkpoint.tensors.push_back(std::move(tensor));
  }
}

// What the operations are made of.

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
