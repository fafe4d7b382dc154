// Convolutions, linear layers, pools, activations, sums.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradzone/io/onnx/importer.hpp"

namespace gradzone {
namespace {

/// A value within what any window has: hostile numbers must not overflow.
Index small(Index value, const char* what) {
  constexpr Index largest = Index{1} << 20;
  if (value < 0 || value > largest) throw Obstacle{fmt::format("its {} is {}", what, value)};
  return value;
}

struct Padding {
  Index begin = 0, end = 0;
};

/// auto_pad: as many zeros as make the output ceil(extent / stride).
Padding same_padding(Index extent, Index kernel, Index stride, bool more_behind) {
  const Index outputs = (extent + stride - 1) / stride;
  const Index total = std::max<Index>(0, (outputs - 1) * stride + kernel - extent);
  const Index less = total / 2;
  return more_behind ? Padding{less, total - less} : Padding{total - less, less};
}

/// ceil_mode: a last window that hangs over the end, unless it would begin beyond the entries and their left
/// padding (as PyTorch and ONNX have it).
Index overhang(Index extent, Index kernel, Index stride, const Padding& padding) {
  const Index slack = extent + padding.begin + padding.end - kernel;
  if (slack < 0 || slack % stride == 0) return 0;
  const Index last_begin = (slack / stride + 1) * stride;
  return last_begin < extent + padding.begin ? last_begin - slack : 0;
}

}  // namespace

Window OnnxImporter::window(const NodeReader& node, Index kernel_h, Index kernel_w, const Features& x) {
  const Integers kernel = node.integers("kernel_shape", {kernel_h, kernel_w});
  if (kernel.size() != 2)
    throw Obstacle{fmt::format("is {}-dimensional; two dimensions are read", kernel.size())};
  const Integers strides = node.integers("strides", {1, 1}), dilations = node.integers("dilations", {1, 1});
  if (strides.size() != 2 || strides[0] < 1 || strides[1] < 1)
    throw Obstacle{"its strides are not two positive numbers"};
  if (dilations != Integers{1, 1}) throw Obstacle{"is dilated"};
  Window w{small(kernel[0], "kernel"),
           small(kernel[1], "kernel"),
           small(strides[0], "stride"),
           small(strides[1], "stride"),
           0,
           0,
           0,
           0};
  if (w.kernel_h < 1 || w.kernel_w < 1) throw Obstacle{"its kernel is empty"};
  const Integers pads = node.integers("pads", {0, 0, 0, 0});
  if (pads.size() != 4) throw Obstacle{"its pads are not four numbers"};
  Padding rows{small(pads[0], "padding") + x.border.top, small(pads[2], "padding") + x.border.bottom};
  Padding columns{small(pads[1], "padding") + x.border.left, small(pads[3], "padding") + x.border.right};
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    if (!x.border.empty()) throw Obstacle{"follows a Pad and has auto_pad"};
    rows = same_padding(x.shape[1], w.kernel_h, w.stride_h, automatic == "SAME_UPPER");
    columns = same_padding(x.shape[2], w.kernel_w, w.stride_w, automatic == "SAME_UPPER");
  }
  w.padding_h = rows.begin, w.trailing_h = rows.end - rows.begin;
  w.padding_w = columns.begin, w.trailing_w = columns.end - columns.begin;
  if (node.integer("ceil_mode", 0) != 0) {
    w.trailing_h += overhang(x.shape[1], w.kernel_h, w.stride_h, rows);
    w.trailing_w += overhang(x.shape[2], w.kernel_w, w.stride_w, columns);
  }
  return w;
}

void OnnxImporter::conv(const NodeReader& node) {
  const Features x = image(node, 0);
  const Weight w = weight(node, 1, 4);
  if (node.integer("group", 1) != 1) throw Obstacle{"is a grouped convolution"};
  const Window window = this->window(node, w.shape[2], w.shape[3], x);
  if (window.kernel_h != w.shape[2] || window.kernel_w != w.shape[3])
    throw Obstacle{"its kernel_shape is not that of its weight"};
  const Conv2d op{w.shape[1], w.shape[0], window, false};
  if (!node.has_input(2)) return give_weighted(node, {"", op, x.node, w}, nullptr);
  const Weight bias = weight(node, 2, 1);
  give_weighted(node, {"", op, x.node, w}, &bias);
}

void OnnxImporter::gemm(const NodeReader& node) {
  const NodeId x = vector(features(node, 0));
  Weight w = weight(node, 1, 2);
  if (node.integer("transA", 0) != 0 || node.real("alpha", 1) != 1 ||
      (node.has_input(2) && node.real("beta", 1) != 1))
    throw Obstacle{"only x W + b is read: alpha and beta 1, transA 0"};
  if (node.integer("transB", 0) == 0) {
    w.transposed = !w.transposed;
    std::swap(w.shape[0], w.shape[1]);
  }
  const Linear op{w.shape[1], w.shape[0], false};
  if (!node.has_input(2)) return give_weighted(node, {"", op, x, w}, nullptr);
  const Weight* c = find_weight(node, 2);
  if (!c || element_count(c->shape) != w.shape[0] || c->shape.empty() || c->shape.back() != w.shape[0])
    throw Obstacle{"its third input must be an initialiser with a number for each output"};
  const Weight bias = *c;
  give_weighted(node, {"", op, x, w}, &bias);
}

void OnnxImporter::matmul(const NodeReader& node) {
  const NodeId x = vector(features(node, 0));
  Weight w = weight(node, 1, 2);
  w.transposed = !w.transposed;
  std::swap(w.shape[0], w.shape[1]);
  give_weighted(node, {"", Linear{w.shape[1], w.shape[0], false}, x, w}, nullptr);
}

void OnnxImporter::batch_norm(const NodeReader& node) {
  const Features x = features(node, 0);
  if (node.integer("spatial", 1) != 1) throw Obstacle{"normalises each entry by itself (spatial 0)"};
  if (x.shape != shapes_[static_cast<std::size_t>(x.node)] && x.shape.size() != 1)
    throw Obstacle{fmt::format("normalises {}", to_string(x.shape))};
  std::vector<Weight> weights;
  for (int k = 1; k <= 4; ++k) weights.push_back(weight(node, k, 1));
  BatchNorm op{weights[0].shape[0], node.real("epsilon", 1e-5F), options_.batch_norm};
  if (node.integer("training_mode", 0) != 0)
    out_.notes.push_back(
        fmt::format("{} was written in training mode; --batch-norm chooses the mode", layer_name(node)));
  const std::string& name = weights[0].name;
  constexpr std::string_view leaf = ".weight";
  const std::string layer =
      name.ends_with(leaf) ? name.substr(0, name.size() - leaf.size()) : layer_name(node);
  give(node, emit(layer, op, {entries(x)}, weights));
}

void OnnxImporter::max_pool(const NodeReader& node) {
  const Features x = image(node, 0);
  if (node.integer("storage_order", 0) != 0) throw Obstacle{"counts columns first (storage_order 1)"};
  if (!node.has("kernel_shape")) throw Obstacle{"has no kernel_shape"};
  give(node, emit(layer_name(node), MaxPool2d{window(node, 1, 1, x), {}}, {x.node}));
}

void OnnxImporter::average_pool(const NodeReader& node) {
  const Features x = image(node, 0);
  if (!node.has("kernel_shape")) throw Obstacle{"has no kernel_shape"};
  const Window w = window(node, 1, 1, x);
  const Integers pads = node.integers("pads", {0, 0, 0, 0});
  const bool pads_itself = pads != Integers(4, 0) || node.text("auto_pad", "NOTSET").starts_with("SAME");
  if (pads_itself && node.integer("count_include_pad", 0) == 0)
    throw Obstacle{"leaves its padding out of the mean (count_include_pad 0)"};
  Window floored = w;
  floored.trailing_h = pads[2] + x.border.bottom - pads[0] - x.border.top;
  floored.trailing_w = pads[3] + x.border.right - pads[1] - x.border.left;
  if (node.integer("ceil_mode", 0) != 0 && floored != w)
    throw Obstacle{"its last windows hang over the image (ceil_mode) and are smaller"};
  give(node, emit(layer_name(node), AvgPool2d{w}, {x.node}));
}

void OnnxImporter::norm_pool(const NodeReader& node) {
  const Features x = image(node, 0);
  if (node.integer("p", 2) != 2) throw Obstacle{"only Euclidean norms are read (p 2)"};
  if (!node.has("kernel_shape")) throw Obstacle{"has no kernel_shape"};
  give(node, emit(layer_name(node), NormPool2d{window(node, 1, 1, x)}, {x.node}));
}

void OnnxImporter::global_average(const NodeReader& node) {
  give(node, emit(layer_name(node), GlobalAvgPool{}, {image(node, 0).node}));
}

void OnnxImporter::global_max(const NodeReader& node) {
  const Features x = image(node, 0);
  give(node, emit(layer_name(node), MaxPool2d{{x.shape[1], x.shape[2], 1, 1, 0, 0, 0, 0}, {}}, {x.node}));
}

/// Over rows and columns: x.mean((2, 3)).
void OnnxImporter::reduce_mean(const NodeReader& node) {
  const Features x = image(node, 0);
  Integers axes = node.has_input(1) ? integers(node, 1) : node.integers("axes", {});
  for (Index& axis : axes) axis = axis < 0 ? axis + 4 : axis;
  if (axes != Integers{2, 3}) throw Obstacle{"only means over rows and columns are read (axes 2 and 3)"};
  Features y = emit(layer_name(node), GlobalAvgPool{}, {x.node});
  if (node.integer("keepdims", 1) == 0) {
    y.shape = {y.shape[0]};
    y.flattened_by = layer_name(node) + "_flatten";
  }
  give(node, y);
}

void OnnxImporter::activation(const NodeReader& node) {
  Features x = features(node, 0);
  Activation op;
  if (node.proto().op_type() == "Abs") op.kind = Activation::Kind::abs;
  if (node.proto().op_type() == "LeakyRelu") {
    op.kind = Activation::Kind::leaky_relu;
    op.negative_slope = node.real("alpha", 0.01F);
    if (!std::isfinite(op.negative_slope)) throw Obstacle{"its slope is not finite"};
  }
  // PyTorch's exporter writes ReLU6 as a Relu and a Clip to 6.
  const std::string& output = node.proto().output(0);
  if (node.proto().op_type() == "Relu" && uses_[output] == 1 && first_reader_[output]->op_type() == "Clip") {
    x.rectified = true;
  } else {
    x.node = emit(layer_name(node), op, {entries(x)}).node;
  }
  give(node, x);
}

/// min(max(x, 0), 6), or a ReLU written as max(x, 0).
void OnnxImporter::clip(const NodeReader& node) {
  Features x = features(node, 0);
  const auto bound = [&](int k, const char* attribute, double otherwise) {
    return node.has_input(k) ? scalar(node, k) : node.real(attribute, otherwise);
  };
  constexpr double open = 3e38;
  double low = bound(1, "min", -HUGE_VAL);
  const double high = bound(2, "max", HUGE_VAL);
  if (x.rectified) low = std::max(low, 0.0);
  x.rectified = false;
  if (low != 0 || (high != 6 && high < open))
    throw Obstacle{fmt::format("clips to [{}, {}]; ReLU6 is read, [0, 6]", low, high)};
  const Activation op{high == 6 ? Activation::Kind::relu6 : Activation::Kind::relu};
  x.node = emit(layer_name(node), op, {entries(x)}).node;
  give(node, x);
}

void OnnxImporter::add(const NodeReader& node) {
  if (add_bias(node)) return;
  Features a = features(node, 0);
  const Features b = features(node, 1);
  if (a.shape != b.shape)
    throw Obstacle{
        fmt::format("adds {} and {}; shapes must be equal", to_string(a.shape), to_string(b.shape))};
  a.node =
      emit(layer_name(node), gradzone::Add{node.proto().op_type() == "Sub"}, {entries(a), entries(b)}).node;
  give(node, a);
}

void OnnxImporter::dropout(const NodeReader& node) {
  Features x = features(node, 0);
  x.node = emit(layer_name(node), Dropout{}, {entries(x)}).node;
  give(node, x);
}

/// The loss is the cross-entropy of logits: it has the softmax in it.
void OnnxImporter::softmax(const NodeReader& node) {
  Features x = features(node, 0);
  const std::string& output = node.proto().output(0);
  if (uses_.contains(output) || output != model_.graph().output(0).name())
    throw Obstacle{"is read at the end of a network only"};
  const Index axis = node.integer("axis", -1);
  if (x.shape.size() != 1 || (axis != 1 && axis != -1)) throw Obstacle{"is not over the classes"};
  out_.notes.push_back(fmt::format(
      "{} at the end is left out: the loss, cross-entropy, is taken of its input", node.proto().op_type()));
  x.final = true;
  give(node, x);
}

}  // namespace gradzone
