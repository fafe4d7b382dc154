// What a name in an ONNX graph stands for while the graph is read, and the attributes of its nodes.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gradzone/graph/graph.hpp"
#include "gradzone/io/onnx/proto.hpp"

namespace gradzone {

/// Why a node cannot be evaluated. Thrown within the importer, which collects them.
struct Obstacle {
  std::string reason;
};

/// Zeros that a Pad node puts around an image for the layer behind it.
struct Border {
  Index top = 0, left = 0, bottom = 0, right = 0;
  bool empty() const { return top == 0 && left == 0 && bottom == 0 && right == 0; }
};

/// The output of a layer. `shape` is what the file sees of one sample: reshapes that move nothing change it
/// alone, and a Flatten becomes a layer where a vector is asked for.
struct Features {
  NodeId node = 0;
  Shape shape;
  std::string flattened_by;  ///< the file's name of the node that made it a vector
  Border border;
  bool channels_last = false;  ///< the file's input [h, w, c], which a Transpose has yet to turn
  bool rectified = false;      ///< a ReLU has been left out for the Clip behind it, which makes it a ReLU6
  bool final = false;          ///< a softmax has been left out: nothing may follow
};

/// An initialiser, or a copy of one under another name.
struct Weight {
  const onnx::TensorProto* tensor = nullptr;
  std::string name;
  Shape shape;
  bool transposed = false;  ///< rank 2: `shape` is the tensor's reversed
};

/// A convolution or linear layer without bias, which a following Add may still bring.
struct Unbiased {
  std::string name;
  Operation op;
  NodeId input = 0;
  Weight weight;
};

/// Shapes and axes. The number of images is not a number here.
using Integers = std::vector<Index>;
inline constexpr Index batch_size = std::numeric_limits<Index>::min();

/// The output of a node that is an obstacle, or follows one.
struct Unknown {};

using Value = std::variant<Features, Weight, Unbiased, Integers, Unknown>;

/// A node and its attributes, read with their types.
class NodeReader {
 public:
  explicit NodeReader(const onnx::NodeProto& node) : node_(node) {}

  const onnx::NodeProto& proto() const { return node_; }
  bool has(std::string_view attribute) const { return find(attribute) != nullptr; }
  Index integer(std::string_view attribute, Index otherwise) const;
  double real(std::string_view attribute, double otherwise) const;
  std::string text(std::string_view attribute, std::string otherwise) const;
  Integers integers(std::string_view attribute, Integers otherwise) const;
  const onnx::AttributeProto* find(std::string_view attribute) const;

  bool has_input(int k) const { return k < node_.input_size() && !node_.input(k).empty(); }

 private:
  const onnx::AttributeProto* typed(std::string_view attribute, int type) const;

  const onnx::NodeProto& node_;
};

}  // namespace gradzone
