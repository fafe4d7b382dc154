#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/lenet.hpp"

namespace gradzone {
namespace {

const Tensor<double>& tensor(const Graph& graph, const Parameters& parameters, const std::string& name) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (graph.parameters()[i].name == name) return parameters[i];
  }
  throw std::logic_error("no tensor " + name);
}

double largest(const Tensor<double>& t) {
  double m = 0;
  for (const double v : t.data) m = std::max(m, std::fabs(v));
  return m;
}

double mean(const Tensor<double>& t) {
  double sum = 0;
  for (const double v : t.data) sum += v;
  return sum / static_cast<double>(t.size());
}

/// Mean of |x|^power over the tensor.
double moment(const Tensor<double>& t, int power) {
  double sum = 0;
  for (const double v : t.data) sum += std::pow(std::fabs(v), power);
  return sum / static_cast<double>(t.size());
}

TEST(Initialise, FitsTheGraphAndHoldsBinary32Values) {
  const Graph graph = lenet5(true, BatchNorm::Mode::training);
  for (const auto scheme : {Initialisation::torch, Initialisation::kaiming0}) {
    const Parameters parameters = initialise(graph, scheme, 7);
    EXPECT_NO_THROW(validate(graph, parameters));
    EXPECT_EQ(parameters, round_to_format(parameters, FormatId::fp32));
  }
}

TEST(Initialise, TorchFillsTheIntervalOfItsFanIn) {
  const Graph graph = lenet5(false, BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::torch, 1);
  for (const auto& [layer, fan_in] : {std::pair{"features.4", 150.0}, std::pair{"classifier.0", 256.0}}) {
    const double bound = 1 / std::sqrt(fan_in);
    const auto& weight = tensor(graph, parameters, std::string(layer) + ".weight");
    EXPECT_LE(largest(weight), bound);
    EXPECT_GT(largest(weight), 0.99 * bound);
    EXPECT_NEAR(moment(weight, 2), bound * bound / 3, 0.05 * bound * bound);
    const auto& bias = tensor(graph, parameters, std::string(layer) + ".bias");
    EXPECT_LE(largest(bias), bound);
    EXPECT_GT(largest(bias), 0.5 * bound);
  }
}

TEST(Initialise, Kaiming0DrawsNormalLinearWeightsAndZeroBiases) {
  const Graph graph = lenet5(false, BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::kaiming0, 1);
  const double bound = std::sqrt(6.0 / 150);
  EXPECT_LE(largest(tensor(graph, parameters, "features.4.weight")), bound);
  EXPECT_GT(largest(tensor(graph, parameters, "features.4.weight")), 0.99 * bound);
  EXPECT_EQ(largest(tensor(graph, parameters, "features.4.bias")), 0);
  EXPECT_EQ(largest(tensor(graph, parameters, "classifier.0.bias")), 0);
  // 30720 variates: four standard errors of the mean, of the variance, and of the fourth moment (3 for a
  // normal).
  const auto& w = tensor(graph, parameters, "classifier.0.weight");
  const double n = static_cast<double>(w.size());
  EXPECT_NEAR(mean(w) / 0.01, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(moment(w, 2) / 1e-4, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(moment(w, 4) / 1e-8, 3, 4 * std::sqrt(96 / n));
}

TEST(Initialise, StartsBatchNormsAtTheIdentity) {
  const Graph graph = lenet5(true, BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::torch, 1);
  EXPECT_EQ(tensor(graph, parameters, "features.3.weight"), Tensor<double>({6}, 1));
  EXPECT_EQ(tensor(graph, parameters, "features.3.bias"), Tensor<double>({6}, 0));
  EXPECT_EQ(tensor(graph, parameters, "features.3.running_mean"), Tensor<double>({6}, 0));
  EXPECT_EQ(tensor(graph, parameters, "features.3.running_var"), Tensor<double>({6}, 1));
}

TEST(Initialise, DependsOnTheLow32BitsOfTheSeedAndNothingElse) {
  const Graph plain = lenet5(false, BatchNorm::Mode::evaluation);
  const Graph normalised = lenet5(true, BatchNorm::Mode::evaluation);
  const Parameters a = initialise(plain, Initialisation::torch, 3);
  EXPECT_EQ(a, initialise(plain, Initialisation::torch, 3));
  EXPECT_EQ(a, initialise(plain, Initialisation::torch, (std::uint64_t{1} << 32) + 3));
  EXPECT_NE(a, initialise(plain, Initialisation::torch, 4));
  EXPECT_EQ(tensor(plain, a, "classifier.6.weight"),
            tensor(normalised, initialise(normalised, Initialisation::torch, 3), "classifier.6.weight"));
}

TEST(Initialise, HeSchemesKeepTheVarianceOfTheirFans) {
  const Graph graph = lenet5(false, BatchNorm::Mode::evaluation);
  const Parameters out = initialise(graph, Initialisation::he, 1),
                   in = initialise(graph, Initialisation::he_in, 1);
  const auto& outward = tensor(graph, out, "features.4.weight");  // 6 channels to 16, windows of 25
  const auto& inward = tensor(graph, in, "features.4.weight");
  const double error = 4 * std::sqrt(2.0 / static_cast<double>(outward.size()));
  EXPECT_NEAR(moment(outward, 2) * (16 * 25) / 2, 1, error);
  EXPECT_NEAR(moment(inward, 2) * (6 * 25) / 2, 1, error);
  EXPECT_EQ(largest(tensor(graph, out, "features.4.bias")), 0);
  EXPECT_GT(largest(tensor(graph, out, "classifier.0.bias")), 0);
  EXPECT_EQ(largest(tensor(graph, in, "classifier.0.bias")), 0);
}

TEST(Initialise, ReadsItsNames) {
  EXPECT_EQ(parse_initialisation("torch"), Initialisation::torch);
  EXPECT_EQ(parse_initialisation("kaiming0"), Initialisation::kaiming0);
  EXPECT_EQ(parse_initialisation("he-in"), Initialisation::he_in);
  EXPECT_EQ(name(Initialisation::kaiming0), "kaiming0");
  EXPECT_THROW(parse_initialisation("xavier"), UsageError);
}

}  // namespace
}  // namespace gradzone
