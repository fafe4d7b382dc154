// Networks exported by PyTorch give PyTorch's logits to 1e-10 and its gradients to 1e-9 in binary64: those
// that torchvision has, where it is installed, and small ones kept in this folder.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "cli/program.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/reference_evaluator.hpp"
#include "gradzone/io/safetensors.hpp"
#include "gradzone/study/loaded_model.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone::support {
namespace {

namespace fs = std::filesystem;

constexpr int missing_packages = 77;
constexpr double logits_bound = 1e-10, gradient_bound = 1e-9;

using Tensors = std::map<std::string, Tensor<double>>;

Tensors read_tensors(const fs::path& path) {
  Tensors out;
  for (NamedTensor& t : read_safetensors(path).tensors) out[t.name] = std::move(t.values);
  return out;
}

MiniBatch batch_of(const Tensors& tensors) {
  MiniBatch batch{tensors.at("input"), {}};
  for (const double label : tensors.at("labels").data) batch.labels.push_back(static_cast<int>(label));
  return batch;
}

/// The largest difference, relative to the largest entry.
double distance(const Tensor<double>& a, const Tensor<double>& b) {
  EXPECT_EQ(a.shape, b.shape);
  double difference = 0, largest = 0;
  for (Index i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference = std::max(difference, std::fabs(a[i] - b[i]));
    largest = std::max(largest, std::fabs(b[i]));
  }
  return largest == 0 ? difference : difference / largest;
}

/// The gradient of a linear weight as the file holds it: [in, out] where that is how the weight is written.
Tensor<double> in_file_layout(const LoadedModel& model, const std::string& name, Tensor<double> t) {
  if (!model.transposed.contains(name)) return t;
  Tensor<double> out({t.shape[1], t.shape[0]});
  for (Index i = 0; i < t.shape[0]; ++i)
    for (Index j = 0; j < t.shape[1]; ++j) out[j * t.shape[0] + i] = t[i * t.shape[1] + j];
  return out;
}

void expect_torch_results(const fs::path& folder, const std::string& name) {
  const Tensors torch = read_tensors(folder / (name + ".safetensors"));
  const LoadedModel model = load_model((folder / (name + ".onnx")).string(), BatchNorm::Mode::evaluation, 0);
  const auto evaluator =
      make_float_evaluator(model.graph, model.parameters, {FormatId::fp64, Order::chain}, Backend::cpu);
  const FloatRun run = evaluator->run(batch_of(torch), Choice{}, Form::direct);
  const double logits = distance(run.logits, torch.at("logits"));
  EXPECT_LE(logits, logits_bound) << name;
  double worst = 0;
  std::size_t compared = 0;
  for (std::size_t i = 0; i < model.graph.parameters().size(); ++i) {
    const ParameterSpec& spec = model.graph.parameters()[i];
    if (!spec.trainable) continue;
    ASSERT_TRUE(torch.contains(spec.name)) << spec.name;
    const double d = distance(in_file_layout(model, spec.name, run.gradient[i]), torch.at(spec.name));
    EXPECT_LE(d, gradient_bound) << name << ": " << spec.name;
    worst = std::max(worst, d);
    ++compared;
  }
  EXPECT_EQ(compared + 3, torch.size()) << "every gradient is compared";
  ::testing::Test::RecordProperty("logits", std::to_string(logits));
  std::printf("%s: logits %.1e, gradients %.1e, %zu tensors\n", name.c_str(), logits, worst, compared);
}

/// Batch norms folded into convolutions: other parameters, the same logits.
void expect_torch_logits(const fs::path& folder, const std::string& name) {
  const Tensors torch = read_tensors(folder / (name + ".safetensors"));
  const LoadedModel model =
      load_model((folder / (name + "-folded.onnx")).string(), BatchNorm::Mode::evaluation, 0);
  const auto evaluator =
      make_float_evaluator(model.graph, model.parameters, {FormatId::fp64, Order::chain}, Backend::cpu);
  EXPECT_LE(distance(evaluator->run(batch_of(torch), Choice{}, Form::direct).logits, torch.at("logits")),
            logits_bound)
      << name;
}

void expect_certified(const fs::path& folder, const std::string& name) {
  const Tensors torch = read_tensors(folder / (name + ".safetensors"));
  const LoadedModel model = load_model((folder / (name + ".onnx")).string(), BatchNorm::Mode::evaluation, 0);
  const ReferenceEvaluator reference(model.graph, model.parameters);
  const RealVerdict verdict = reference.evaluate(batch_of(torch), {Choice{}, parse_choice("minimal")});
  EXPECT_EQ(verdict.agreement, Agreement::equal);
  ASSERT_EQ(verdict.gradients.size(), 2u);
  for (std::size_t i = 0; i < model.graph.parameters().size(); ++i) {
    const ParameterSpec& spec = model.graph.parameters()[i];
    if (!spec.trainable) continue;
    const CertifiedTensor& certified = (*verdict.gradients[0])[i];
    Tensor<double> nearest(certified.shape());
    for (Index k = 0; k < nearest.size(); ++k) nearest[k] = certified.enclosure(k).high;
    EXPECT_LE(distance(in_file_layout(model, spec.name, nearest), torch.at(spec.name)), gradient_bound)
        << spec.name;
  }
}

TEST(OnnxGolden, SmallNetworksOfPyTorch) {
  for (const char* name : {"small", "small-9"}) {
    SCOPED_TRACE(name);
    expect_torch_results(fs::path(GRADZONE_INTEROP_DIR) / "networks", name);
    expect_torch_logits(fs::path(GRADZONE_INTEROP_DIR) / "networks", name);
    expect_certified(fs::path(GRADZONE_INTEROP_DIR) / "networks", name);
  }
}

class OnnxNetworks : public ::testing::TestWithParam<const char*> {};

TEST_P(OnnxNetworks, GivePyTorchsLogitsAndGradients) {
  if (!fs::exists(GRADZONE_PYTHON)) GTEST_SKIP() << "no " << GRADZONE_PYTHON;
  const ScratchFolder scratch;
  const std::string script = std::string(GRADZONE_INTEROP_DIR) + "/torch_networks.py";
  const test::Outcome exported =
      test::Process::other({GRADZONE_PYTHON, script, scratch.path().string(), GetParam()})
          .wait(std::chrono::minutes(5));
  if (exported.exit_code == missing_packages) GTEST_SKIP() << exported.out << "(Debian: python3-torchvision)";
  ASSERT_EQ(exported.exit_code, 0) << exported.err;
  expect_torch_results(scratch.path(), GetParam());
  expect_torch_logits(scratch.path(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(OfTorchvision, OnnxNetworks,
                         ::testing::Values("lenet", "vgg11", "resnet18-cifar", "resnet18-imagenet",
                                           "densenet121", "squeezenet1_0", "squeezenet1_1", "alexnet",
                                           "googlenet"),
                         [](const auto& case_name) {
                           std::string name = case_name.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return c == '-'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace gradzone::support
