// ONNX files made by hand: what each operation becomes, what is refused and how it is said.
#include <fmt/format.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <fstream>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/checkpoint_file.hpp"
#include "gradzone/io/onnx.hpp"
#include "gradzone/nets/nets.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

using support::message_of;
using support::ScratchFolder;

/// A model whose graph is given as text; its input "x" is [N, 2, 6, 6] and its output "y".
onnx::ModelProto model_of(const std::string& graph, Index opset = 13, const std::string& dims = "2 6 6") {
  std::string input = R"(input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_param: "N" })";
  std::istringstream in(dims);
  for (std::string d; in >> d;)
    input += d == "?" ? " dim { dim_param: \"d\" }" : " dim { dim_value: " + d + " }";
  onnx::ModelProto model;
  const std::string text = fmt::format(
      "ir_version: 7 opset_import {{ version: {} }} graph {{ name: \"g\" {} }} }} }} }} {} "
      "output {{ name: \"y\" }} }}",
      opset, input, graph);
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model)) << text;
  return model;
}

OnnxNetwork parse(const onnx::ModelProto& model, const OnnxOptions& options = {},
                  const std::filesystem::path& folder = ".") {
  const std::string bytes = model.SerializeAsString();
  return parse_onnx(std::as_bytes(std::span(bytes)), folder, "net.onnx", options);
}
OnnxNetwork parse(const std::string& graph, Index opset = 13) {
  return parse(model_of(graph, opset));
}

/// An initialiser with the numbers 1, 2, 3, ... .
std::string numbers(const std::string& name, const Shape& shape) {
  std::string out = "initializer { name: \"" + name + "\" data_type: 1";
  for (const Index d : shape) out += fmt::format(" dims: {}", d);
  for (Index i = 0; i < element_count(shape); ++i) out += fmt::format(" float_data: {}", i + 1);
  return out + " } ";
}
std::string integers(const std::string& name, const std::vector<Index>& values) {
  std::string out = fmt::format("initializer {{ name: \"{}\" data_type: 7 dims: {}", name, values.size());
  for (const Index v : values) out += fmt::format(" int64_data: {}", v);
  return out + " } ";
}
std::string ints(const std::string& name, const std::vector<Index>& values) {
  std::string out = "attribute { name: \"" + name + "\" type: INTS";
  for (const Index v : values) out += fmt::format(" ints: {}", v);
  return out + " } ";
}
std::string integer(const std::string& name, Index value) {
  return fmt::format("attribute {{ name: \"{}\" type: INT i: {} }} ", name, value);
}
std::string node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output,
                 const std::string& attributes = "") {
  std::string out = "node { op_type: \"" + op + "\" name: \"" + output + "\" output: \"" + output + "\" ";
  for (const std::string& input : inputs) out += "input: \"" + input + "\" ";
  return out + attributes + " } ";
}
/// A linear layer behind a flatten, so that a graph ends as a network does.
std::string ending(const std::string& from, Index features) {
  return node("Flatten", {from}, "flat") + numbers("fc.weight", {3, features}) +
         node("Gemm", {"flat", "fc.weight"}, "y", integer("transB", 1));
}

const Node& layer(const OnnxNetwork& network, std::size_t id) {
  return network.graph.value().nodes().at(id);
}
/// What is said of a graph with one obstacle.
std::string obstacle(const std::string& graph, Index opset = 13) {
  const OnnxNetwork network = parse(graph, opset);
  EXPECT_FALSE(network.graph);
  return network.obstacles.size() == 1 ? network.obstacles[0]
                                       : fmt::format("{} obstacles", network.obstacles.size());
}
void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
}

TEST(OnnxImport, LayersAndParametersKeepTheirNames) {
  const OnnxNetwork network = parse(
      numbers("c.weight", {4, 2, 3, 3}) + numbers("c.bias", {4}) +
      node("Conv", {"x", "c.weight", "c.bias"}, "a", ints("pads", {1, 1, 1, 1}) + ints("strides", {2, 2})) +
      node("Relu", {"a"}, "b") + ending("b", 36));
  const Graph& graph = network.graph.value();
  EXPECT_EQ(graph.name(), "net");
  EXPECT_EQ(graph.input_shape(), (Shape{2, 6, 6}));
  EXPECT_EQ(layer(network, 1).name, "c");
  EXPECT_EQ(layer(network, 1).shape, (Shape{4, 3, 3}));
  EXPECT_EQ(layer(network, 2).name, "b");
  EXPECT_EQ(layer(network, 3).name, "flat");
  ASSERT_EQ(graph.parameters().size(), 3u);
  EXPECT_EQ(graph.parameters()[1].name, "c.bias");
  EXPECT_EQ(graph.parameters()[2].name, "fc.weight");
  EXPECT_EQ(network.checkpoint.tensors[0].values[71], 72);
  EXPECT_TRUE(network.transposed.empty());
}

TEST(OnnxImport, MatMulAndAddAreALinearLayerWithATransposedWeight) {
  const OnnxNetwork network =
      parse(node("Flatten", {"x"}, "flat") + numbers("w", {72, 3}) + numbers("b", {3}) +
            node("MatMul", {"flat", "w"}, "m") + node("Add", {"b", "m"}, "y"));
  const auto& linear = std::get<Linear>(layer(network, 2).op);
  EXPECT_TRUE(linear.bias);
  EXPECT_EQ(linear.in_features, 72);
  EXPECT_EQ(network.transposed, std::set<std::string>{"w"});
  EXPECT_EQ(network.checkpoint.tensors[0].values.shape, (Shape{3, 72}));
  EXPECT_EQ(network.checkpoint.tensors[0].values[1], 4);  // w[1][0]
}

TEST(OnnxImport, CeilModeAndAsymmetricPaddingHangOverTheEnd) {
  const auto pooled = [](const std::string& attributes, Index features) {
    const OnnxNetwork network = parse(node("MaxPool", {"x"}, "p", attributes) + ending("p", features));
    return std::get<MaxPool2d>(layer(network, 1).op).window;
  };
  const std::string three = ints("kernel_shape", {3, 3}) + ints("strides", {2, 2});
  EXPECT_EQ(pooled(three, 8), (Window{3, 3, 2, 2, 0, 0, 0, 0}));
  EXPECT_EQ(pooled(three + integer("ceil_mode", 1), 18), (Window{3, 3, 2, 2, 0, 0, 1, 1}));
  EXPECT_EQ(pooled(three + ints("pads", {0, 1, 1, 1}), 18), (Window{3, 3, 2, 2, 0, 1, 1, 0}));
  EXPECT_EQ(pooled(three + "attribute { name: \"auto_pad\" type: STRING s: \"SAME_UPPER\" }", 18),
            (Window{3, 3, 2, 2, 0, 0, 1, 1}));
  EXPECT_EQ(pooled(three + "attribute { name: \"auto_pad\" type: STRING s: \"SAME_LOWER\" }", 18),
            (Window{3, 3, 2, 2, 1, 1, -1, -1}));
  // The last window would begin in the right padding: PyTorch and ONNX leave it out.
  EXPECT_EQ(pooled(ints("kernel_shape", {2, 2}) + ints("strides", {5, 5}) + ints("pads", {1, 1, 1, 1}) +
                       integer("ceil_mode", 1),
                   8),
            (Window{2, 2, 5, 5, 1, 1, 0, 0}));
}

TEST(OnnxImport, PaddedWindowsGiveTheNumbersOfTheSamePaddingWrittenOut) {
  // SAME_LOWER puts the odd zero in front: the same as a Pad node there.
  const std::string weight = numbers("c.weight", {1, 2, 2, 2});
  const OnnxNetwork automatic =
      parse(weight +
            node("Conv", {"x", "c.weight"}, "a",
                 "attribute { name: \"auto_pad\" type: STRING s: \"SAME_LOWER\" }") +
            ending("a", 36));
  const OnnxNetwork padded =
      parse(weight + integers("pads", {0, 0, 1, 1, 0, 0, 0, 0}) + node("Pad", {"x", "pads"}, "z") +
            node("Conv", {"z", "c.weight"}, "a") + ending("a", 36));
  RandomStream random(3, "onnx");
  MiniBatch batch{Tensor<double>({1, 2, 6, 6}), {0}};
  for (double& v : batch.x.data) v = random.uniform(-1, 1);
  const auto logits = [&](const OnnxNetwork& network) {
    const Parameters parameters = parameters_for(*network.graph, network.checkpoint, "net");
    return make_float_evaluator(*network.graph, parameters, {FormatId::fp64, Order::chain},
                                Backend::reference)
        ->run(batch, Choice{}, Form::direct)
        .logits;
  };
  EXPECT_EQ(logits(automatic), logits(padded));
}

TEST(OnnxImport, ReshapesThatMoveNothingAreLeftOut) {
  const std::string shape_of = node("Shape", {"x"}, "s") + integers("zero", {0}) +
                               node("Gather", {"s", "zero"}, "n") + integers("rest", {-1}) +
                               node("Concat", {"n", "rest"}, "t", integer("axis", 0)) +
                               node("Reshape", {"x", "t"}, "flat") + numbers("fc.weight", {3, 72}) +
                               node("Gemm", {"flat", "fc.weight"}, "y", integer("transB", 1));
  EXPECT_EQ(parse(shape_of).graph.value().nodes().size(), 3u);
  const std::string squeezed = node("GlobalAveragePool", {"x"}, "g") + node("Squeeze", {"g", "ax"}, "v") +
                               integers("ax", {2, 3}) + numbers("w", {2, 3}) +
                               node("MatMul", {"v", "w"}, "y");
  EXPECT_EQ(parse(squeezed).graph.value().nodes().size(), 4u);
  const std::string turned = node("GlobalAveragePool", {"x"}, "g") +
                             node("Transpose", {"g"}, "v", ints("perm", {0, 2, 3, 1})) +
                             integers("t", {0, -1}) + node("Reshape", {"v", "t"}, "r") +
                             numbers("w", {2, 3}) + node("MatMul", {"r", "w"}, "y");
  EXPECT_EQ(parse(turned).graph.value().nodes().size(), 4u);
  expect_contains(obstacle(node("Transpose", {"x"}, "v", ints("perm", {0, 2, 3, 1})) + ending("v", 72)),
                  "order of numbers");
}

TEST(OnnxImport, ChannelsLastInputsAreGivenChannelsFirst) {
  const OnnxNetwork network = parse(
      model_of(node("Transpose", {"x"}, "v", ints("perm", {0, 3, 1, 2})) + ending("v", 60), 13, "5 4 3"));
  EXPECT_EQ(network.graph.value().input_shape(), (Shape{3, 5, 4}));
  ASSERT_EQ(network.notes.size(), 1u);
  expect_contains(network.notes[0], "channels last");
}

TEST(OnnxImport, AttributesOfAnotherTypeAreObstacles) {
  expect_contains(obstacle(node("Transpose", {"x"}, "v", integer("perm", 3)) + ending("v", 72)),
                  "perm is of another type");
}

TEST(OnnxImport, OpenInputsNeedASize) {
  const onnx::ModelProto model =
      model_of(node("GlobalAveragePool", {"x"}, "g") + ending("g", 2), 13, "2 ? ?");
  expect_contains(message_of<InputError>([&] { parse(model); }), "input=");
  OnnxOptions options;
  options.input = Shape{2, 9, 8};
  EXPECT_EQ(parse(model, options).graph.value().input_shape(), (Shape{2, 9, 8}));
  options.input = Shape{3, 9, 8};
  expect_contains(message_of<UsageError>([&] { parse(model, options); }), "does not fit");
}

TEST(OnnxImport, AWeightThatIsUsedTwiceIsTwoParameters) {
  const OnnxNetwork network = parse(numbers("c.weight", {2, 2, 1, 1}) + node("Conv", {"x", "c.weight"}, "a") +
                                    node("Conv", {"a", "c.weight"}, "b") + ending("b", 72));
  EXPECT_EQ(network.graph.value().parameters()[1].name, "c.weight@c_2");
  ASSERT_EQ(network.notes.size(), 1u);
  expect_contains(network.notes[0], "more than once");
}

TEST(OnnxImport, UnneededNodesAreNotLookedAt) {
  const OnnxNetwork network = parse(node("Sigmoid", {"x"}, "unused") + ending("x", 72));
  EXPECT_TRUE(network.graph);
}

TEST(OnnxImport, EveryObstacleIsNamedOnce) {
  const OnnxNetwork network =
      parse(node("Sigmoid", {"x"}, "a") + node("Relu", {"a"}, "b") + node("Tanh", {"x"}, "c") +
            node("Add", {"b", "c"}, "d") + ending("d", 72));
  ASSERT_EQ(network.obstacles.size(), 2u);
  expect_contains(network.obstacles[0], "node a (Sigmoid)");
  expect_contains(network.obstacles[1], "node c (Tanh)");
}

TEST(OnnxImport, WhatIsNotReadIsSaid) {
  const std::string weight = numbers("c.weight", {2, 1, 1, 1});
  expect_contains(
      obstacle(weight + node("Conv", {"x", "c.weight"}, "a", integer("group", 2)) + ending("a", 72)),
      "grouped");
  const std::string square = numbers("c.weight", {2, 2, 2, 2});
  expect_contains(
      obstacle(square + node("Conv", {"x", "c.weight"}, "a", ints("dilations", {2, 2})) + ending("a", 32)),
      "dilated");
  expect_contains(
      obstacle(node("AveragePool", {"x"}, "a", ints("kernel_shape", {3, 3}) + ints("pads", {1, 1, 1, 1})) +
               ending("a", 32)),
      "count_include_pad");
  expect_contains(obstacle(node("Softmax", {"x"}, "a") + ending("a", 72)), "end of a network");
  expect_contains(obstacle(node("Relu", {"x"}, "y")), "needs a vector");
  expect_contains(
      obstacle(numbers("w", {5, 3}) + node("Flatten", {"x"}, "f") + node("MatMul", {"f", "w"}, "y")),
      "expects 5 features");
  expect_contains(obstacle(node("Relu", {"x"}, "a", "domain: \"com.example\"") + ending("a", 72)),
                  "com.example.Relu");
}

TEST(OnnxImport, FilesThatContradictThemselvesAreRefused) {
  const auto refusal = [](const std::string& graph, Index opset = 13) {
    return message_of<InputError>([&] { parse(graph, opset); });
  };
  expect_contains(
      refusal(node("Add", {"b", "x"}, "a") + node("Relu", {"a"}, "b") + node("Flatten", {"b"}, "y")),
      "cycle");
  expect_contains(refusal(node("Relu", {"x"}, "a") + node("Relu", {"x"}, "a") + ending("a", 72)),
                  "value a twice");
  expect_contains(refusal(numbers("w", {2}) + numbers("w", {2}) + ending("x", 72)), "initialiser w twice");
  expect_contains(refusal(ending("x", 72), 8), "opset 8");
  expect_contains(refusal(ending("x", 72), 22), "opset 22");
  expect_contains(refusal("initializer { name: \"w\" data_type: 1 dims: 1152921504606846976 dims: 16 } " +
                          node("Flatten", {"x"}, "f") + node("MatMul", {"f", "w"}, "y")),
                  "elements");
  expect_contains(refusal("initializer { name: \"w\" data_type: 1 dims: 72 dims: 3 float_data: 1 } " +
                          node("Flatten", {"x"}, "f") + node("MatMul", {"f", "w"}, "y")),
                  "holds 1 numbers");
  expect_contains(
      message_of<InputError>([&] { parse(model_of(ending("x", 72), 13, "2 1152921504606846976 6")); }),
      "elements");
}

TEST(OnnxImport, DamagedFilesAreRefused) {
  const std::string whole =
      model_of(numbers("c.weight", {2, 2, 1, 1}) + node("Conv", {"x", "c.weight"}, "a") + ending("a", 72))
          .SerializeAsString();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    try {
      parse_onnx(std::as_bytes(std::span(whole.data(), length)), ".", "cut.onnx", {});
      ADD_FAILURE() << "accepted after " << length << " bytes of " << whole.size();
    } catch (const InputError&) {
    }
  }
}

TEST(OnnxImport, AFileOfManyEmptyPartsIsRefusedBeforeItFillsTheMemory) {
  std::string graph;  // fields 1 (node), each empty: two bytes in the file, two hundred in memory
  for (int i = 0; i < 3'000'000; ++i) graph += std::string("\x0a\x00", 2);
  std::string bytes = "\x3a";
  for (std::size_t n = graph.size(); n > 0; n >>= 7)
    bytes += static_cast<char>((n & 127) | (n > 127 ? 128 : 0));
  bytes += graph;
  expect_contains(
      message_of<InputError>([&] { parse_onnx(std::as_bytes(std::span(bytes)), ".", "many.onnx", {}); }),
      "parts");
}

TEST(OnnxImport, WeightsUsedThousandsOfTimesAreRefused) {
  std::string graph = numbers("w", {2, 2, 30, 30});
  const std::string same = ints("pads", {15, 15, 14, 14});
  std::string last = "x";
  for (int i = 0; i < 400; ++i) {
    graph += node("Conv", {last, "w"}, "v" + std::to_string(i), same);
    last = "v" + std::to_string(i);
  }
  expect_contains(message_of<InputError>([&] { parse(graph + ending(last, 72)); }), "fill the memory");
}

class OnnxExternal : public ::testing::Test {
 protected:
  std::string refusal(const std::string& location, const std::string& more = "") const {
    return message_of<InputError>([&] { parse(model(location, more), {}, scratch_.path() / "model"); });
  }
  onnx::ModelProto model(const std::string& location, const std::string& more = "") const {
    return model_of(
        "initializer { name: \"w\" data_type: 1 dims: 72 dims: 3 data_location: EXTERNAL external_data { "
        "key: "
        "\"location\" value: \"" +
        location + "\" } " + more + " } " + node("Flatten", {"x"}, "f") + node("MatMul", {"f", "w"}, "y"));
  }
  void SetUp() override {
    scratch_.write("model/w.bin", std::string(8, 'x') + std::string(72 * 3 * 4, '\0'));
    scratch_.write("outside.bin", std::string(72 * 3 * 4, '\0'));
    std::filesystem::create_symlink(scratch_.path() / "outside.bin", scratch_.path() / "model" / "link.bin");
  }
  ScratchFolder scratch_;
};

TEST_F(OnnxExternal, NumbersAreReadBesideTheModel) {
  const OnnxNetwork network =
      parse(model("w.bin", "external_data { key: \"offset\" value: \"8\" }"), {}, scratch_.path() / "model");
  EXPECT_TRUE(network.external_data);
  EXPECT_EQ(network.checkpoint.tensors[0].values, Tensor<double>({3, 72}));
}

TEST_F(OnnxExternal, FilesElsewhereAreNotOpened) {
  for (const std::string location :
       {"../outside.bin", "link.bin", "sub/../../outside.bin", "", "/etc/passwd"}) {
    expect_contains(refusal(location), "model's folder");
  }
  expect_contains(refusal("none.bin"), "there is no file");
  expect_contains(refusal("w.bin", "external_data { key: \"offset\" value: \"9\" }"), "which has 872");
  expect_contains(refusal("w.bin", "external_data { key: \"offset\" value: \"18446744073709551615\" }"),
                  "which has 872");
  expect_contains(refusal("w.bin", "external_data { key: \"length\" value: \"4\" }"), "its shape needs 864");
  expect_contains(refusal("w.bin", "external_data { key: \"offset\" value: \"x\" }"), "no number");
}

TEST(OnnxImport, UnderAnotherNameItIsRecognised) {
  const std::string bytes = model_of(ending("x", 72)).SerializeAsString();
  expect_contains(
      message_of<InputError>([&] { parse_checkpoint(std::as_bytes(std::span(bytes)), "net.bin"); }),
      "ends in .onnx");
}

TEST(OnnxExport, EveryNetworkComesBackAsItWas) {
  for (const std::string& name : net_names()) {
    if (name.starts_with("resnet50") || name.starts_with("resnet34") || name.starts_with("vgg1"))
      continue;  // of one kind
    const Graph graph = make_net(name, BatchNorm::Mode::evaluation);
    const Parameters parameters = initialise(graph, Initialisation::torch, 1);
    const std::vector<std::byte> bytes = onnx_bytes(graph, parameters, FormatId::fp32);
    const OnnxNetwork back = parse_onnx(bytes, ".", name + ".onnx", {});
    ASSERT_TRUE(back.graph) << name << ": " << back.obstacles.at(0);
    EXPECT_EQ(back.graph->describe(), graph.describe());
    EXPECT_EQ(parameters_for(*back.graph, back.checkpoint, name), parameters);
  }
}

TEST(OnnxExport, WindowsSlopesAndOtherFormatsComeBackToo) {
  GraphBuilder builder("odd", {2, 7, 9});
  builder.then("c", Conv2d{2, 3, {3, 2, 2, 1, 1, 0, -1, 1}, true});
  builder.then("l", Activation{Activation::Kind::leaky_relu, 0.125});
  builder.then("m", MaxPool2d{{2, 3, 1, 2, 0, 1, 1, 0}, {}});
  builder.then("r", Activation{Activation::Kind::relu6});
  const NodeId left = builder.then("n", NormPool2d{Window::square(2, 1)});
  const NodeId right = builder.then("abs", Activation{Activation::Kind::abs});
  const NodeId sum = builder.add("s", Add{true}, {left, right});
  builder.add("k", Concat{}, {sum, left});
  builder.then("a", AvgPool2d{Window::square(2, 1, 1)});
  builder.then("f", Flatten{});
  builder.then("d", Dropout{});
  const Index features = builder.shape(builder.last())[0];
  builder.then("y", Linear{features, 2, false});
  const Graph graph = builder.build(Loss::cross_entropy);
  const Parameters parameters = initialise(graph, Initialisation::torch, 2);
  for (const FormatId format : {FormatId::fp64, FormatId::fp32, FormatId::fp16}) {
    const OnnxNetwork back = parse_onnx(onnx_bytes(graph, parameters, format), ".", "odd.onnx", {});
    ASSERT_TRUE(back.graph) << back.obstacles.at(0);
    EXPECT_EQ(back.graph->describe(), graph.describe());
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      const Window* window = pooling_window(graph.nodes()[i].op);
      if (window != nullptr) {
        EXPECT_EQ(*pooling_window(back.graph->nodes()[i].op), *window) << graph.nodes()[i].name;
      }
    }
    EXPECT_EQ(std::get<Conv2d>(back.graph->nodes()[1].op).window,
              std::get<Conv2d>(graph.nodes()[1].op).window);
    EXPECT_EQ(parameters_for(*back.graph, back.checkpoint, "odd"), round_to_format(parameters, format));
  }
  EXPECT_THROW(onnx_bytes(graph, parameters, FormatId::bf16), UsageError);
}

}  // namespace
}  // namespace gradzone
