// From the messages of an ONNX file to a Graph with its parameters, node by node.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "gradzone/io/onnx.hpp"
#include "gradzone/io/onnx/tensor.hpp"
#include "gradzone/io/onnx/values.hpp"

namespace gradzone {

class OnnxImporter {
 public:
  /// The model must outlive it. `name` becomes the graph's.
  OnnxImporter(const onnx::ModelProto& model, OnnxTensors tensors, std::string where, std::string name,
               OnnxOptions options);

  OnnxNetwork run();

 private:
  using Handler = void (OnnxImporter::*)(const NodeReader&);
  static const std::map<std::string_view, Handler>& handlers();

  // importer.cpp: the way through the graph
  void mark_needed();
  void read_input();
  Shape input_shape(const onnx::ValueInfoProto& input);
  void read_node(const onnx::NodeProto& node);
  void finish();
  void decode_parameters();
  [[noreturn]] void fail(const std::string& what) const;

  // import_parts.cpp: what the operations below are made of
  const Value& input(const NodeReader& node, int k);
  Features features(const NodeReader& node, int k);
  /// The same as an image [c, h, w], a vector [features], or whatever it is where entries are looked at
  /// singly.
  Features image(const NodeReader& node, int k);
  NodeId vector(const Features& x);
  /// What an operation on single entries works on: the vector that the file sees, or the features as they
  /// lie.
  NodeId entries(const Features& x);
  Weight weight(const NodeReader& node, int k, std::size_t rank);
  const Weight* find_weight(const NodeReader& node, int k);
  Integers integers(const NodeReader& node, int k);
  double scalar(const NodeReader& node, int k);
  void give(const NodeReader& node, Value value);
  Features emit(const std::string& name, Operation op, std::vector<NodeId> inputs,
                const std::vector<Weight>& weights = {});
  void give_weighted(const NodeReader& node, Unbiased layer, const Weight* bias);
  Features finished(const Unbiased& layer, const Weight* bias);
  bool add_bias(const NodeReader& node);
  std::string layer_name(const NodeReader& node);
  std::string unique_layer(std::string name);
  std::string parameter_name(const Weight& weight, const std::string& layer);
  Window window(const NodeReader& node, Index kernel_h, Index kernel_w, const Features& x);

  // import_layers.cpp
  void conv(const NodeReader& node);
  void gemm(const NodeReader& node);
  void matmul(const NodeReader& node);
  void batch_norm(const NodeReader& node);
  void max_pool(const NodeReader& node);
  void average_pool(const NodeReader& node);
  void norm_pool(const NodeReader& node);
  void global_average(const NodeReader& node);
  void global_max(const NodeReader& node);
  void reduce_mean(const NodeReader& node);
  void activation(const NodeReader& node);
  void clip(const NodeReader& node);
  void add(const NodeReader& node);
  void dropout(const NodeReader& node);
  void softmax(const NodeReader& node);

  // import_shapes.cpp
  void identity(const NodeReader& node);
  void cast(const NodeReader& node);
  void constant(const NodeReader& node);
  void shape(const NodeReader& node);
  void gather(const NodeReader& node);
  void slice(const NodeReader& node);
  void multiply(const NodeReader& node);
  void concat(const NodeReader& node);
  void flatten(const NodeReader& node);
  void reshape(const NodeReader& node);
  void squeeze(const NodeReader& node);
  void unsqueeze(const NodeReader& node);
  void transpose(const NodeReader& node);
  void pad(const NodeReader& node);

  const onnx::ModelProto& model_;
  OnnxTensors tensors_;
  std::string where_, name_;
  OnnxOptions options_;
  Index file_batch_ = batch_size;  ///< the input's first dimension, if the file fixes it

  std::optional<GraphBuilder> builder_;
  std::unordered_map<std::string, Value> values_;
  std::set<std::string> needed_;               ///< values that the output depends on
  std::unordered_map<std::string, int> uses_;  ///< of needed values, by needed nodes
  std::unordered_map<std::string, const onnx::NodeProto*> first_reader_;
  std::vector<Shape> shapes_;           ///< of the graph's nodes
  std::map<NodeId, NodeId> flattened_;  ///< the Flatten layer behind a node
  std::set<std::string> layers_, parameter_names_;
  std::vector<Weight> parameters_;  ///< in the graph's order, under the graph's names
  OnnxNetwork out_;
};

}  // namespace gradzone
