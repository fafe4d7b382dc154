#include "gradzone/nets/worked_examples.hpp"

#include <utility>

namespace gradzone {
namespace {

/// One row of `extent` entries, moved by `stride`.
Window row_window(Index extent, Index stride) {
  return {1, extent, 1, stride, 0, 0};
}

MiniBatch one_image(Shape shape, std::vector<double> values) {
  return {Tensor<double>(std::move(shape), std::move(values)), {}};
}

/// The tensors of `graph` from a list of numbers each.
Parameters parameters_of(const Graph& graph, std::vector<std::vector<double>> values) {
  Parameters out;
  for (std::size_t p = 0; p < values.size(); ++p)
    out.emplace_back(graph.parameters()[p].shape, std::move(values[p]));
  return out;
}

const std::string pools = "native,minimal";

/// t -> max1(t z) - max2(t z), where max1 is native whatever is audited: 0 for every t.
WorkedExample zero_program() {
  GraphBuilder b("zero program", {1, 2, 2});
  const NodeId z = b.then("t", Conv2d{1, 1, Window::square(1, 1), false});
  const NodeId native = b.add("max1", MaxPool2d{Window::square(2, 2), 0.0}, {z});
  const NodeId audited = b.add("max2", MaxPool2d{Window::square(2, 2), {}}, {z});
  b.add("difference", Add{true}, {native, audited});
  Graph graph = b.build(Loss::output);
  Parameters at = parameters_of(graph, {{1}});
  return {"zero program",
          "t -> max1(t z) - max2(t z) = 0, z = (1.14, 1.14, 1.14, 1.14), at t = 1",
          std::move(graph),
          std::move(at),
          one_image({1, 1, 2, 2}, {1.14, 1.14, 1.14, 1.14}),
          pools};
}

WorkedExample scaled_maximum(double t) {
  GraphBuilder b("maximum", {1, 2, 2});
  b.then("t", Conv2d{1, 1, Window::square(1, 1), false});
  b.then("max", MaxPool2d{Window::square(2, 2), {}});
  Graph graph = b.build(Loss::output);
  Parameters at = parameters_of(graph, {{t}});
  return {t == 0 ? "four zeros" : "one maximum",
          std::string("t -> max(t z), z = (1, 2, 3, 4), at t = ") + (t == 0 ? "0" : "1"),
          std::move(graph),
          std::move(at),
          one_image({1, 1, 2, 2}, {1, 2, 3, 4}),
          pools};
}

/// t -> (relu(-t) + t) - relu(t): 0 for every t.
WorkedExample relu_program() {
  GraphBuilder b("relu program", {1});
  const NodeId t = b.then("t", Linear{1, 1, false});
  b.add("minus", Linear{1, 1, false}, {t});
  b.then("left", Activation{});
  const NodeId sum = b.add("sum", Add{}, {b.last(), t});
  const NodeId right = b.add("right", Activation{}, {t});
  b.add("difference", Add{true}, {sum, right});
  Graph graph = b.build(Loss::output);
  Parameters at = parameters_of(graph, {{0}, {-1}});
  return {"relu program",         "t -> (relu(-t) + t) - relu(t) = 0, at t = 0",
          std::move(graph),       std::move(at),
          one_image({1, 1}, {1}), "native,native+relu=0.5"};
}

WorkedExample equal_patches() {
  GraphBuilder b("equal patches", {1, 5, 5});
  b.then("conv", Conv2d{1, 1, Window::square(3, 1), false});
  b.then("pool", MaxPool2d{Window::square(3, 3), {}});
  b.then("g", Conv2d{1, 1, Window::square(1, 1), false});
  Graph graph = b.build(Loss::output);
  Parameters at = parameters_of(graph, {{0.5, 1, -0.25, 2, 1, 0.5, -1, 0.25, 1}, {1.28125}});
  return {"equal patches",
          "g max over nine equal outputs of a 3x3 convolution of a constant image",
          std::move(graph),
          std::move(at),
          one_image({1, 1, 5, 5}, std::vector<double>(25, 1.25)),
          pools};
}

/// The maximum of the dot products of w with the patches (x0, x1) and (x2, x3).
WorkedExample two_patches(const char* name, const char* point, std::vector<double> w, std::vector<double> x) {
  GraphBuilder b("two patches", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(2, 2), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  Graph graph = b.build(Loss::output);
  Parameters at = parameters_of(graph, {std::move(w)});
  return {name, point, std::move(graph), std::move(at), one_image({1, 1, 1, 4}, std::move(x)), pools};
}

}  // namespace

std::vector<WorkedExample> worked_examples() {
  std::vector<WorkedExample> out;
  out.push_back(zero_program());
  out.push_back(scaled_maximum(1));
  out.push_back(scaled_maximum(0));
  out.push_back(relu_program());
  out.push_back(equal_patches());
  out.push_back(
      two_patches("true tie", "max of w (2, 1) and w (0, 2), both 4 at w = (1, 2)", {1, 2}, {2, 1, 0, 2}));
  out.push_back(two_patches("false tie", "max of w (1, 2^-12) and w (1, 0), at w = (1, 1)", {1, 1},
                            {1, 0x1p-12, 1, 0}));
  return out;
}

}  // namespace gradzone
