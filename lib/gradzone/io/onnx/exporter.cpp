// From a Graph with its parameters to the bytes of an ONNX file.
#include <fmt/format.h>

#include "gradzone/base/error.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/onnx.hpp"
#include "gradzone/io/onnx/proto.hpp"
#include "gradzone/io/stored_number.hpp"

namespace gradzone {
namespace {

constexpr int ir_version = 7, opset = 13;
constexpr const char* images = "N";  // the open dimension

int element_type(FormatId format) {
  switch (stored_type(format)) {
    case StoredType::f64:
      return onnx::TensorProto::DOUBLE;
    case StoredType::f32:
      return onnx::TensorProto::FLOAT;
    case StoredType::f16:
      return onnx::TensorProto::FLOAT16;
    case StoredType::bf16:
    case StoredType::i64:
      break;
  }
  throw UsageError("ONNX's layers hold no bfloat16: export in fp32, which holds the same numbers");
}

class Exporter {
 public:
  Exporter(const Graph& graph, FormatId format) : net_(graph), format_(format), type_(element_type(format)) {}

  std::vector<std::byte> run(const Parameters& parameters) {
    model_.set_ir_version(ir_version);
    model_.set_producer_name("gradzone");
    model_.add_opset_import()->set_version(opset);
    out().set_name(net_.name());
    const Parameters rounded = round_to_format(parameters, format_);
    for (std::size_t i = 0; i < rounded.size(); ++i) initialiser(net_.parameters()[i].name, rounded[i]);
    describe(*out().add_input(), value_name(0), net_.input_shape());
    describe(*out().add_output(), value_name(net_.output()), net_.node(net_.output()).shape);
    for (NodeId id = 1; id <= net_.output(); ++id) write(id);
    std::vector<std::byte> bytes(model_.ByteSizeLong());
    if (bytes.size() > largest_onnx_file ||
        !model_.SerializeToArray(bytes.data(), static_cast<int>(bytes.size())))
      throw UsageError(
          fmt::format("{} is too large for an ONNX file (2 GiB): export safetensors", net_.name()));
    return bytes;
  }

 private:
  onnx::GraphProto& out() { return *model_.mutable_graph(); }

  /// Parameters have names of layers with an ending; values have another one, so that none is met twice.
  std::string value_name(NodeId id) const {
    if (id == 0) return "input";
    return id == net_.output() ? "logits" : fmt::format("{}/output", net_.node(id).name);
  }

  void initialiser(const std::string& name, const Tensor<double>& values) {
    onnx::TensorProto& tensor = *out().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type_);
    for (const Index d : values.shape) tensor.add_dims(d);
    std::string& raw = *tensor.mutable_raw_data();
    for (const double v : values.data) append(raw, v);
  }

  void append(std::string& raw, double value) const {
    const StoredType stored = stored_type(format_);
    const std::uint64_t bits = encode_number(stored, value);
    for (std::size_t i = 0; i < element_bytes(stored); ++i) raw.push_back(static_cast<char>(bits >> (8 * i)));
  }

  void describe(onnx::ValueInfoProto& info, const std::string& name, const Shape& sample) const {
    info.set_name(name);
    auto& tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type_);
    tensor.mutable_shape()->add_dim()->set_dim_param(images);
    for (const Index d : sample) tensor.mutable_shape()->add_dim()->set_dim_value(d);
  }

  void write(NodeId id) {
    const Node& layer = net_.node(id);
    node_ = out().add_node();
    node_->set_name(layer.name);
    for (const NodeId input : layer.inputs) node_->add_input(value_name(input));
    for (const ParameterSpec& p : net_.parameters()) {
      if (p.node == id) node_->add_input(p.name);
    }
    node_->add_output(value_name(id));
    std::visit([this](const auto& op) { (*this)(op); }, layer.op);
  }

  void type(const char* op) { node_->set_op_type(op); }
  void integers(const char* name, const std::vector<Index>& values) {
    auto& a = attribute(name, onnx::AttributeProto::INTS);
    for (const Index v : values) a.add_ints(v);
  }
  void integer(const char* name, Index value) { attribute(name, onnx::AttributeProto::INT).set_i(value); }
  void real(const char* name, double value) {
    attribute(name, onnx::AttributeProto::FLOAT).set_f(static_cast<float>(value));
  }
  onnx::AttributeProto& attribute(const char* name, onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto& a = *node_->add_attribute();
    a.set_name(name);
    a.set_type(type);
    return a;
  }
  void window(const Window& w) {
    integers("kernel_shape", {w.kernel_h, w.kernel_w});
    integers("strides", {w.stride_h, w.stride_w});
    integers("pads", {w.padding_h, w.padding_w, w.padding_h + w.trailing_h, w.padding_w + w.trailing_w});
  }

  void operator()(const Input&) {}
  void operator()(const Conv2d& op) { type("Conv"), window(op.window); }
  void operator()(const Linear&) { type("Gemm"), integer("transB", 1); }
  void operator()(const Activation& op) {
    switch (op.kind) {
      case Activation::Kind::relu:
        return type("Relu");
      case Activation::Kind::abs:
        return type("Abs");
      case Activation::Kind::leaky_relu:
        type("LeakyRelu");
        return real("alpha", op.negative_slope);
      case Activation::Kind::relu6:
        type("Clip");
        for (const auto& [end, bound] : {std::pair("/min", 0.0), std::pair("/max", 6.0)}) {
          node_->add_input(node_->name() + end);
          initialiser(node_->name() + end, Tensor<double>({}, bound));
        }
    }
  }
  void operator()(const MaxPool2d& op) {
    if (op.pinned_beta)
      throw UsageError(fmt::format("layer {}: ONNX has no max pool with a pinned choice", node_->name()));
    type("MaxPool"), window(op.window);
  }
  void operator()(const AvgPool2d& op) {
    type("AveragePool"), window(op.window), integer("count_include_pad", 1);
  }
  void operator()(const GlobalAvgPool&) { type("GlobalAveragePool"); }
  void operator()(const NormPool2d& op) { type("LpPool"), window(op.window), integer("p", 2); }
  void operator()(const BatchNorm& op) { type("BatchNormalization"), real("epsilon", op.eps); }
  void operator()(const Add& op) { type(op.subtract ? "Sub" : "Add"); }
  void operator()(const Concat&) { type("Concat"), integer("axis", 1); }
  void operator()(const Flatten&) { type("Flatten"), integer("axis", 1); }
  void operator()(const Dropout&) { type("Dropout"); }

  const Graph& net_;
  FormatId format_;
  int type_;
  onnx::ModelProto model_;
  onnx::NodeProto* node_ = nullptr;
};

}  // namespace

std::vector<std::byte> onnx_bytes(const Graph& graph, const Parameters& parameters, FormatId format) {
  return Exporter(graph, format).run(parameters);
}

}  // namespace gradzone
