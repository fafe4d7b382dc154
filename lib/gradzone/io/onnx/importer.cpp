#include "gradzone/io/onnx/importer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/base/transpose.hpp"
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
  const std::string version = model_.producer_version().empty() ? "" : " " + model_.producer_version();
  if (!model_.producer_name().empty())
    out_.checkpoint.metadata["producer"] = printable_name(model_.producer_name() + version);
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
      tensor.values = transposed(tensor.values);
      out_.transposed.insert(w.name);
    }
    out_.checkpoint.tensors.push_back(std::move(tensor));
  }
}

}  // namespace gradzone
