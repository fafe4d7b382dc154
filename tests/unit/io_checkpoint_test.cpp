#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone {
namespace {

Graph net(const char* spec) {
  return make_net(spec, BatchNorm::Mode::evaluation);
}

Checkpoint stored(const char* spec, FormatId format = FormatId::fp32) {
  return checkpoint_of(net(spec), initialise(net(spec), Initialisation::torch, 1), format);
}

NamedTensor& tensor(Checkpoint& checkpoint, const std::string& name) {
  for (NamedTensor& t : checkpoint.tensors) {
    if (t.name == name) return t;
  }
  throw std::logic_error("no tensor " + name);
}

void expect_refused(const Graph& graph, const Checkpoint& checkpoint, const std::string& part) {
  try {
    parameters_for(graph, checkpoint, "m.safetensors");
    ADD_FAILURE() << "accepted; expected: " << part;
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("m.safetensors: ")) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(ModelSpec, SplitsBehindTheNetwork) {
  EXPECT_EQ(parse_model_spec("lenet5:a.safetensors").net, "lenet5");
  EXPECT_EQ(parse_model_spec("lenet5:a.safetensors").file, "a.safetensors");
  EXPECT_EQ(parse_model_spec("lenet5-bn:/x/y:z").net, "lenet5-bn");
  EXPECT_EQ(parse_model_spec("lenet5-bn:/x/y:z").file, "/x/y:z");
  EXPECT_EQ(parse_model_spec("mlp:3x256:dir/m").net, "mlp:3x256");
  EXPECT_FALSE(parse_model_spec("lenet5:a.safetensors").initialisation);
  EXPECT_EQ(parse_model_spec("vgg11-bn:init=kaiming0").net, "vgg11-bn");
  EXPECT_EQ(parse_model_spec("vgg11-bn:init=kaiming0").initialisation, Initialisation::kaiming0);
  EXPECT_THROW(parse_model_spec("vgg11:init=zeros"), UsageError);
  EXPECT_EQ(parse_model_spec("mlp:3x256:dir/m").file, "dir/m");
}

TEST(ModelSpec, RefusesTextWithoutNetworkOrFile) {
  for (const char* text :
       {"", "lenet5", "lenet5:", "a.safetensors", "vgg12:a", ":a", "mlp:3x256", "mlp:a", "mlp:0x1:a"}) {
    EXPECT_THROW(parse_model_spec(text), UsageError) << text;
  }
}

TEST(ParametersFor, GivesBackWhatWasStored) {
  for (const char* spec : {"lenet5", "lenet5-bn", "mlp:2x16"}) {
    const Parameters parameters = initialise(net(spec), Initialisation::torch, 5);
    for (const FormatId format : all_formats) {
      const Checkpoint file =
          parse_safetensors(safetensors_bytes(checkpoint_of(net(spec), parameters, format)), "x");
      EXPECT_EQ(parameters_for(net(spec), file, "x"), round_to_format(parameters, format))
          << spec << name(format);
      EXPECT_EQ(file.metadata.at("network"), net(spec).name());
    }
  }
}

TEST(ParametersFor, IgnoresStepCounters) {
  Checkpoint checkpoint = stored("lenet5-bn");
  checkpoint.tensors.push_back(
      {"features.3.num_batches_tracked", StoredType::i64, Tensor<double>(Shape{}, 469.0)});
  EXPECT_NO_THROW(parameters_for(net("lenet5-bn"), checkpoint, "x"));
}

TEST(ParametersFor, SaysWhichArchitectureAFileLooksLike) {
  expect_refused(net("lenet5"), stored("lenet5-bn"), "it looks like lenet5-bn");
  expect_refused(net("lenet5-bn"), stored("lenet5"), "it looks like lenet5");
  expect_refused(net("lenet5"), stored("mlp:3x32"), "it looks like mlp:3x32");
  expect_refused(net("mlp:3x32"), stored("mlp:3x33"), "it looks like mlp:3x33");
  expect_refused(net("mlp:3x32"), stored("mlp-relu:3x32"), "it looks like mlp-relu:3x32");
}

TEST(ParametersFor, NamesMissingUnexpectedAndMisshapenTensors) {
  Checkpoint missing = stored("lenet5");
  missing.tensors.erase(missing.tensors.begin());
  expect_refused(net("lenet5"), missing, "tensor features.0.weight is missing");

  Checkpoint extra = stored("lenet5");
  extra.tensors.push_back({"head\n.bias", StoredType::f32, Tensor<double>({1})});
  expect_refused(net("lenet5"), extra, "tensor head?.bias is not one of its parameters");

  Checkpoint shape = stored("lenet5");
  tensor(shape, "classifier.6.weight").values.shape = {84, 10};
  expect_refused(net("lenet5"), shape,
                 "tensor classifier.6.weight has shape [84, 10] but [10, 84] is needed");

  expect_refused(net("lenet5"), Checkpoint{}, "is missing");
}

TEST(ParametersFor, RefusesNumbersThatAreNoParameters) {
  Checkpoint nan = stored("lenet5");
  tensor(nan, "features.4.bias").values[3] = std::numeric_limits<double>::quiet_NaN();
  expect_refused(net("lenet5"), nan, "tensor features.4.bias: entry 3 is nan");

  Checkpoint infinite = stored("lenet5");
  tensor(infinite, "features.4.bias").values[0] = -std::numeric_limits<double>::infinity();
  expect_refused(net("lenet5"), infinite, "entry 0 is -inf");

  Checkpoint variance = stored("lenet5-bn");
  tensor(variance, "features.3.running_var").values[1] = -0.5;
  expect_refused(net("lenet5-bn"), variance, "entry 1 is -0.5; a variance is not negative");

  Checkpoint whole = stored("lenet5");
  tensor(whole, "features.0.bias").stored = StoredType::i64;
  expect_refused(net("lenet5"), whole, "whole numbers");
}

TEST(RecogniseNet, FindsNothingInStrangersFiles) {
  EXPECT_EQ(recognise_net(Checkpoint{}), std::nullopt);
  EXPECT_EQ(recognise_net(stored("lenet5-bn")), "lenet5-bn");
  Checkpoint odd = stored("mlp:1x4");
  odd.tensors.push_back({"x.weight", StoredType::f32, Tensor<double>({1})});
  EXPECT_EQ(recognise_net(odd), std::nullopt);
}

}  // namespace
}  // namespace gradzone
