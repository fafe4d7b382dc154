#include "gradzone/nets/nets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/nets/lenet.hpp"
#include "gradzone/nets/mlp.hpp"

namespace gradzone {
namespace {

std::vector<std::string> layer_names(const Graph& graph) {
  std::vector<std::string> out;
  for (const Node& node : graph.nodes()) out.push_back(node.name);
  return out;
}

std::vector<std::string> parameter_names(const Graph& graph) {
  std::vector<std::string> out;
  for (const ParameterSpec& spec : graph.parameters()) out.push_back(spec.name);
  return out;
}

Index trainable_numbers(const Graph& graph) {
  Index n = 0;
  for (const ParameterSpec& spec : graph.parameters()) n += spec.trainable ? element_count(spec.shape) : 0;
  return n;
}

const Node& layer(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes()) {
    if (node.name == name) return node;
  }
  throw std::logic_error("no layer " + name);
}

TEST(LeNet5, NamesItsLayersAsTheOriginalsStateDict) {
  EXPECT_EQ(layer_names(lenet5(false, BatchNorm::Mode::evaluation)),
            (std::vector<std::string>{"input", "features.0", "features.1", "features.2", "features.4",
                                      "features.5", "features.6", "flatten", "classifier.0", "classifier.1",
                                      "classifier.3", "classifier.4", "classifier.6"}));
}

TEST(LeNet5, HasThePublishedShapesAndSize) {
  const Graph graph = lenet5(false, BatchNorm::Mode::evaluation);
  EXPECT_EQ(graph.name(), "lenet5");
  EXPECT_EQ(graph.input_shape(), (Shape{1, 28, 28}));
  EXPECT_EQ(layer(graph, "features.0").shape, (Shape{6, 24, 24}));
  EXPECT_EQ(layer(graph, "features.2").shape, (Shape{6, 12, 12}));
  EXPECT_EQ(layer(graph, "features.6").shape, (Shape{16, 4, 4}));
  EXPECT_EQ(layer(graph, "flatten").shape, (Shape{256}));
  EXPECT_EQ(graph.classes(), 10);
  EXPECT_EQ(graph.loss(), Loss::cross_entropy);
  EXPECT_EQ(trainable_numbers(graph), 44426);
}

TEST(LeNet5, MayPoolByNorms) {
  const Graph graph = make_net("lenet5-normpool", BatchNorm::Mode::training);
  EXPECT_EQ(graph.name(), "lenet5-normpool");
  EXPECT_EQ(layer_names(graph), layer_names(lenet5(false, BatchNorm::Mode::training)));
  EXPECT_EQ(layer(graph, "features.6").shape, (Shape{16, 4, 4}));
  for (const char* pool : {"features.2", "features.6"})
    EXPECT_TRUE(std::holds_alternative<NormPool2d>(layer(graph, pool).op)) << pool;
  EXPECT_EQ(make_net("lenet5-normpool-bn", BatchNorm::Mode::training).name(), "lenet5-normpool-bn");
}

TEST(LeNet5, PutsBatchNormBehindThePoolOrRelu) {
  const Graph graph = lenet5(true, BatchNorm::Mode::training);
  EXPECT_EQ(graph.name(), "lenet5-bn");
  EXPECT_EQ(trainable_numbers(graph), 44426 + 2 * (6 + 16 + 120 + 84));
  for (const auto& [name, before, channels] :
       {std::tuple{"features.3", "features.2", 6}, std::tuple{"features.7", "features.6", 16},
        std::tuple{"classifier.2", "classifier.1", 120}, std::tuple{"classifier.5", "classifier.4", 84}}) {
    const Node& node = layer(graph, name);
    const auto& op = std::get<BatchNorm>(node.op);
    EXPECT_EQ(op.channels, channels) << name;
    EXPECT_EQ(op.mode, BatchNorm::Mode::training) << name;
    EXPECT_EQ(graph.node(node.inputs.at(0)).name, before);
  }
}

TEST(Mlp, HasNoReluBehindItsFirstLinearLayer) {
  const Graph graph = mlp(3, 256);
  EXPECT_EQ(graph.name(), "mlp:3x256");
  EXPECT_EQ(layer_names(graph), (std::vector<std::string>{"input", "flatten", "layers.0", "layers.1",
                                                          "layers.2", "layers.3", "layers.4", "layers.5"}));
  EXPECT_EQ(
      parameter_names(graph),
      (std::vector<std::string>{"layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
                                "layers.3.weight", "layers.3.bias", "layers.5.weight", "layers.5.bias"}));
  EXPECT_TRUE(std::holds_alternative<Activation>(layer(graph, "layers.2").op));
  EXPECT_EQ(trainable_numbers(graph), 784 * 256 + 256 + 2 * (256 * 256 + 256) + 256 * 10 + 10);
}

TEST(Mlp, MayHaveAReluBehindEveryHiddenLayer) {
  const Graph graph = mlp(2, 16, FirstLayer::relu);
  EXPECT_EQ(graph.name(), "mlp-relu:2x16");
  EXPECT_EQ(layer_names(graph), (std::vector<std::string>{"input", "flatten", "layers.0", "layers.1",
                                                          "layers.2", "layers.3", "layers.4"}));
  for (const char* relu : {"layers.1", "layers.3"})
    EXPECT_TRUE(std::holds_alternative<Activation>(layer(graph, relu).op)) << relu;
  EXPECT_EQ(make_net("mlp-relu:2x16", BatchNorm::Mode::training).name(), "mlp-relu:2x16");
}

TEST(Mlp, WithOneLayerIsTwoLinearMaps) {
  const Graph graph = mlp(1, 16);
  EXPECT_EQ(layer_names(graph), (std::vector<std::string>{"input", "flatten", "layers.0", "layers.1"}));
}

TEST(MakeNet, FindsEveryNameItLists) {
  for (const std::string& name : net_names()) {
    EXPECT_EQ(make_net(name, BatchNorm::Mode::evaluation).name(), name);
  }
  EXPECT_EQ(make_net("mlp:2x16", BatchNorm::Mode::evaluation).name(), "mlp:2x16");
}

TEST(MakeNet, RefusesWhatDoesNotExistAndSaysWhatDoes) {
  for (const char* spec : {"", "lenet", "LENET5", "mlp", "mlp:", "mlp:3", "mlp:x", "mlp:3x", "mlp:3x256x",
                           "mlp:-1x4", "mlp:3 x4", "mlp-relu:3", "mlp-relu:0x4", "mlp:99999999999999999999x1",
                           "mlp:0x16", "mlp:3x0", "mlp:3x1000000"}) {
    try {
      make_net(spec, BatchNorm::Mode::evaluation);
      ADD_FAILURE() << "accepted \"" << spec << '"';
    } catch (const UsageError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("mlp"), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
  try {
    make_net("vgg99", BatchNorm::Mode::evaluation);
    ADD_FAILURE();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("lenet5, lenet5-bn"), std::string::npos) << error.what();
  }
}

Graph evaluated(const char* name) {
  return make_net(name, BatchNorm::Mode::evaluation);
}

bool has_parameter(const Graph& graph, const std::string& name) {
  const auto names = parameter_names(graph);
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(LargeNets, HaveAsManyParametersAsTheOriginals) {
  // torchvision's counts with a thousand classes, with ten for DenseNet; kuangliu's for the CIFAR stem.
  const std::map<const char*, Index> counts = {{"resnet18-imagenet-bn", 11689512},
                                               {"resnet34-imagenet-bn", 21797672},
                                               {"resnet50-imagenet-bn", 25557032},
                                               {"resnet18-bn", 11173962},
                                               {"densenet121-bn", 6964106},
                                               {"vgg11-bn", 9231114},
                                               {"vgg16-bn", 14728266},
                                               {"vgg19-bn", 20040522}};
  for (const auto& [name, count] : counts) EXPECT_EQ(trainable_numbers(evaluated(name)), count) << name;
  // A batch norm behind every convolution: two numbers a channel.
  EXPECT_EQ(trainable_numbers(evaluated("vgg11-bn")) - trainable_numbers(evaluated("vgg11")), 2 * 2752);
}

TEST(LargeNets, NameParametersAsTheOriginalsStateDict) {
  const Graph vgg11 = evaluated("vgg11"), vgg11_bn = evaluated("vgg11-bn");
  EXPECT_EQ(parameter_names(vgg11).front(), "features.0.weight");
  for (const char* name : {"features.3.weight", "features.18.bias", "classifier.weight"})
    EXPECT_TRUE(has_parameter(vgg11, name)) << name;
  for (const char* name : {"features.1.running_var", "features.4.weight", "features.25.weight"})
    EXPECT_TRUE(has_parameter(vgg11_bn, name)) << name;
  const Graph resnet = evaluated("resnet50-bn");
  for (const char* name : {"conv1.weight", "bn1.running_mean", "layer1.0.conv3.weight",
                           "layer1.0.downsample.1.bias", "layer4.2.bn3.weight", "fc.bias"})
    EXPECT_TRUE(has_parameter(resnet, name)) << name;
  EXPECT_FALSE(has_parameter(evaluated("resnet18-bn"), "layer1.0.downsample.0.weight"));
  const Graph densenet = evaluated("densenet121-bn");
  for (const char* name :
       {"features.conv0.weight", "features.norm0.bias", "features.denseblock1.denselayer1.norm1.weight",
        "features.denseblock4.denselayer16.conv2.weight", "features.transition3.conv.weight",
        "features.norm5.running_var", "classifier.weight"})
    EXPECT_TRUE(has_parameter(densenet, name)) << name;
}

TEST(LargeNets, HaveTheShapesOfThePaper) {
  EXPECT_EQ(layer(evaluated("vgg19"), "flatten").shape, (Shape{512}));
  EXPECT_EQ(layer(evaluated("resnet18"), "maxpool").shape, (Shape{64, 16, 16}));
  EXPECT_EQ(layer(evaluated("resnet18-imagenet"), "maxpool").shape, (Shape{64, 56, 56}));
  EXPECT_EQ(layer(evaluated("resnet50"), "avgpool").shape, (Shape{2048, 1, 1}));
  EXPECT_EQ(layer(evaluated("densenet121"), "features.pool0").shape, (Shape{64, 8, 8}));
  EXPECT_EQ(layer(evaluated("densenet121"), "features.denseblock4.denselayer16.concat").shape,
            (Shape{1024, 1, 1}));
  EXPECT_EQ(evaluated("resnet34-imagenet").classes(), 1000);
  EXPECT_EQ(evaluated("vgg9").classes(), 10);
  EXPECT_THROW(make_net("vgg12", BatchNorm::Mode::evaluation), UsageError);
}

}  // namespace
}  // namespace gradzone
