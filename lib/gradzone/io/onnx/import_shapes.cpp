// What moves numbers without arithmetic, and the arithmetic of shapes.
#include <fmt/format.h>

#include <algorithm>

#include "gradzone/io/onnx/importer.hpp"

namespace gradzone {
namespace {

/// An axis of an array of `rank` dimensions counted from 0, the first being the images.
Index axis_of(Index axis, std::size_t rank) {
  const Index n = static_cast<Index>(rank);
  if (axis < 0) axis += n;
  if (axis < 0 || axis >= n) throw Obstacle{"its axis is out of range"};
  return axis;
}

Shape without_ones(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

}  // namespace

void OnnxImporter::identity(const NodeReader& node) {
  const Value& value = input(node, 0);
  if (std::holds_alternative<Integers>(value)) return give(node, value);
  const Weight* w = find_weight(node, 0);
  if (!w) return give(node, features(node, 0));
  // PyTorch's exporter writes equal parameters once and copies them under their names.
  Weight copy = *w;
  copy.name = node.proto().output(0);
  give(node, copy);
}

void OnnxImporter::cast(const NodeReader& node) {
  if (std::holds_alternative<Integers>(input(node, 0))) return give(node, input(node, 0));
  onnx::TensorProto target;
  target.set_data_type(static_cast<int>(node.integer("to", 0)));
  if (!OnnxTensors::is_float(target)) throw Obstacle{"makes integers of features"};
  const bool is_constant = find_weight(node, 0) != nullptr;
  const Value x = is_constant ? input(node, 0) : Value(features(node, 0));
  const std::string note = "Cast is left out: the audited format says how numbers are rounded";
  if (std::find(out_.notes.begin(), out_.notes.end(), note) == out_.notes.end()) out_.notes.push_back(note);
  give(node, x);
}

void OnnxImporter::constant(const NodeReader& node) {
  if (const auto* tensor = node.find("value"); tensor && tensor->has_t())
    return give(node, Weight{&tensor->t(), node.proto().output(0), tensors_.shape(tensor->t()), false});
  if (node.has("value_int")) return give(node, Integers{node.integer("value_int", 0)});
  if (node.has("value_ints")) return give(node, node.integers("value_ints", {}));
  throw Obstacle{"is a constant of a kind that is not read"};
}

void OnnxImporter::shape(const NodeReader& node) {
  const Features x = features(node, 0);
  Integers out{batch_size};
  out.insert(out.end(), x.shape.begin(), x.shape.end());
  const Index rank = static_cast<Index>(out.size());
  const auto bound = [&](const char* name, Index otherwise) {
    const Index at = node.integer(name, otherwise);
    return std::clamp<Index>(at < 0 ? at + rank : at, 0, rank);
  };
  const Index begin = bound("start", 0), end = bound("end", rank);
  give(node, Integers(out.begin() + begin, out.begin() + std::max(begin, end)));
}

void OnnxImporter::gather(const NodeReader& node) {
  const Integers from = integers(node, 0), at = integers(node, 1);
  Integers out;
  for (const Index i : at) out.push_back(from[static_cast<std::size_t>(axis_of(i, from.size()))]);
  give(node, out);
}

void OnnxImporter::slice(const NodeReader& node) {
  const Integers from = integers(node, 0);
  const bool inputs = node.has_input(1);
  const auto single = [&](const Integers& list, Index otherwise) {
    if (list.size() > 1) throw Obstacle{"cuts several axes"};
    return list.empty() ? otherwise : list[0];
  };
  const Index n = static_cast<Index>(from.size());
  const auto clamped = [&](Index at) { return std::clamp<Index>(at < 0 && at >= -n ? at + n : at, 0, n); };
  const Index begin = clamped(single(inputs ? integers(node, 1) : node.integers("starts", {}), 0));
  const Index end = clamped(single(inputs ? integers(node, 2) : node.integers("ends", {}), n));
  if (node.has_input(4) && integers(node, 4) != Integers{1}) throw Obstacle{"has steps"};
  give(node, Integers(from.begin() + begin, from.begin() + std::max(begin, end)));
}

void OnnxImporter::multiply(const NodeReader& node) {
  if (std::holds_alternative<Features>(input(node, 0)) || std::holds_alternative<Unbiased>(input(node, 0)))
    throw Obstacle{"products of features are not read"};
  const Integers a = integers(node, 0), b = integers(node, 1);
  constexpr Index largest = Index{1} << 31;
  const auto usable = [](const Integers& v) { return v.size() == 1 && v[0] >= 0 && v[0] <= largest; };
  if (!usable(a) || !usable(b)) throw Obstacle{"only products of two dimensions are read"};
  give(node, Integers{a[0] * b[0]});
}

void OnnxImporter::concat(const NodeReader& node) {
  const int count = node.proto().input_size();
  if (count < 1) throw Obstacle{"has no input"};
  const Value& first = input(node, 0);
  if (std::holds_alternative<Integers>(first) || std::holds_alternative<Weight>(first)) {
    Integers out;
    for (int k = 0; k < count; ++k) {
      const Integers part = integers(node, k);
      out.insert(out.end(), part.begin(), part.end());
    }
    return give(node, out);
  }
  std::vector<NodeId> inputs;
  Features x = features(node, 0);
  if (axis_of(node.integer("axis", 1), x.shape.size() + 1) != 1)
    throw Obstacle{"only channels are concatenated (axis 1)"};
  const bool vectors = x.shape.size() == 1;
  for (int k = 0; k < count; ++k) inputs.push_back(vectors ? vector(features(node, k)) : image(node, k).node);
  give(node, emit(layer_name(node), Concat{}, inputs));
}

void OnnxImporter::flatten(const NodeReader& node) {
  Features x = features(node, 0);
  if (axis_of(node.integer("axis", 1), x.shape.size() + 1) != 1) throw Obstacle{"only axis 1 is read"};
  x.shape = {element_count(x.shape)};
  x.flattened_by = layer_name(node);
  give(node, x);
}

/// The same numbers of every image in another shape: what comes first must be the images.
void OnnxImporter::reshape(const NodeReader& node) {
  if (std::holds_alternative<Integers>(input(node, 0))) return give(node, integers(node, 0));
  Features x = features(node, 0);
  const Integers target = integers(node, 1);
  if (target.size() < 2) throw Obstacle{"does not keep the images apart"};
  const Index count = element_count(x.shape);
  const bool open_images = target[0] == -1;
  if (!open_images && target[0] != 0 && target[0] != batch_size && target[0] != file_batch_)
    throw Obstacle{fmt::format("makes {} images of its input", target[0])};
  Shape shape(target.begin() + 1, target.end());
  Index known = 1;
  int open = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && i < x.shape.size()) shape[i] = x.shape[i];
    if (shape[i] == -1) ++open;
    if (shape[i] == batch_size || shape[i] < -1 || shape[i] == 0 ||
        (shape[i] > 0 && known > count / shape[i]))
      throw Obstacle{"does not keep the images apart"};
    if (shape[i] > 0) known *= shape[i];
  }
  if (open > 1 || (open == 1 && (open_images || count % known != 0)) || (open == 0 && known != count))
    throw Obstacle{fmt::format("makes {} of {}", to_string(shape), to_string(x.shape))};
  std::replace(shape.begin(), shape.end(), Index{-1}, count / known);
  x.shape = shape;
  x.flattened_by = layer_name(node);
  give(node, x);
}

void OnnxImporter::squeeze(const NodeReader& node) {
  if (std::holds_alternative<Integers>(input(node, 0))) return give(node, input(node, 0));
  Features x = features(node, 0);
  const std::size_t rank = x.shape.size() + 1;
  Integers axes = node.has_input(1) ? integers(node, 1) : node.integers("axes", {});
  if (axes.empty()) throw Obstacle{"has no axes: it would depend on the number of images"};
  for (Index& axis : axes) axis = axis_of(axis, rank) - 1;
  std::sort(axes.rbegin(), axes.rend());
  for (const Index axis : axes) {
    if (axis < 0 || axis >= static_cast<Index>(x.shape.size()) ||
        x.shape[static_cast<std::size_t>(axis)] != 1)
      throw Obstacle{"takes away a dimension that is not 1"};
    x.shape.erase(x.shape.begin() + axis);
  }
  x.flattened_by = layer_name(node);
  give(node, x);
}

void OnnxImporter::unsqueeze(const NodeReader& node) {
  const Value& value = input(node, 0);
  if (std::holds_alternative<Integers>(value)) return give(node, value);
  if (std::holds_alternative<Weight>(value)) return give(node, integers(node, 0));
  Features x = features(node, 0);
  Integers axes = node.has_input(1) ? integers(node, 1) : node.integers("axes", {});
  for (Index& axis : axes) axis = axis_of(axis, x.shape.size() + 1 + axes.size());
  std::sort(axes.begin(), axes.end());
  for (const Index axis : axes) {
    if (axis < 1 || axis > static_cast<Index>(x.shape.size()) + 1) throw Obstacle{"its axis is out of range"};
    x.shape.insert(x.shape.begin() + (axis - 1), 1);
  }
  give(node, x);
}

void OnnxImporter::transpose(const NodeReader& node) {
  const Integers perm = node.integers("perm", {});
  if (const Weight* w = find_weight(node, 0)) {
    Weight turned = *w;
    if (w->shape.size() != 2 || (!perm.empty() && perm != Integers{1, 0}))
      throw Obstacle{"only matrices among the initialisers are transposed"};
    std::swap(turned.shape[0], turned.shape[1]);
    turned.transposed = !turned.transposed;
    return give(node, turned);
  }
  Features x = features(node, 0);
  if (x.channels_last) {
    if (perm != Integers{0, 3, 1, 2}) throw Obstacle{"looks at an image whose channels are last"};
    x.channels_last = false;
    return give(node, x);
  }
  Shape shape;
  for (std::size_t i = 1; i < perm.size(); ++i) {
    if (perm[i] < 1 || perm[i] > static_cast<Index>(x.shape.size())) throw Obstacle{"moves the images"};
    shape.push_back(x.shape[static_cast<std::size_t>(perm[i] - 1)]);
  }
  Integers moved, sorted;
  for (const Index p : perm) {
    if (p > 0 && x.shape[static_cast<std::size_t>(p - 1)] != 1) moved.push_back(p);
  }
  sorted = moved;
  std::sort(sorted.begin(), sorted.end());
  const bool complete = perm.size() == x.shape.size() + 1 && perm[0] == 0 &&
                        without_ones(shape).size() == without_ones(x.shape).size();
  if (!complete || moved != sorted || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw Obstacle{"changes the order of numbers; only transposes that do not are read"};
  x.shape = shape;
  give(node, x);
}

/// Zeros around an image, which the next layer takes as its padding.
void OnnxImporter::pad(const NodeReader& node) {
  Features x = image(node, 0);
  if (node.text("mode", "constant") != "constant") throw Obstacle{"pads with other numbers than a constant"};
  const double value = node.has_input(2) ? scalar(node, 2) : node.real("value", 0);
  const Integers pads = node.has_input(1) ? integers(node, 1) : node.integers("pads", {});
  constexpr Index largest = Index{1} << 20;
  const bool usable = pads.size() == 8 && pads[0] == 0 && pads[1] == 0 && pads[4] == 0 && pads[5] == 0 &&
                      std::all_of(pads.begin(), pads.end(), [](Index p) { return p >= 0 && p <= largest; });
  if (value != 0 || !usable) throw Obstacle{"only zeros around an image are read"};
  x.border = {pads[2], pads[3], pads[6], pads[7]};
  give(node, x);
}

}  // namespace gradzone
