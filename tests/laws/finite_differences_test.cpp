// fp64 gradients against central differences of a forward pass in 40 digits: with a step of 1e-12 the
// difference is good to about 1e-20 and stays on one side of every kink.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "../support/random_net.hpp"
#include "../support/unrolled.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/nets/lenet.hpp"

namespace gradzone::support {
namespace {

using Digits40 = DecimalOf<40>;
using Direction = std::vector<std::vector<double>>;  ///< one number per entry of every parameter tensor

Parameters random_parameters(const Graph& graph, std::uint64_t seed) {
  Parameters out;
  RandomStream random(seed, "finite differences");
  for (const ParameterSpec& spec : graph.parameters()) {
    Tensor<double> t(spec.shape);
    const bool matrix = spec.shape.size() > 1;
    const double fan_in = matrix ? static_cast<double>(element_count(spec.shape) / spec.shape[0]) : 1;
    for (double& v : t.data) v = random.uniform(-1, 1) * (matrix ? 2 / std::sqrt(fan_in) : 0.3);
    if (spec.name.ends_with("running_var")) {
      for (double& v : t.data) v = 0.5 + std::fabs(v);
    }
    out.push_back(std::move(t));
  }
  return out;
}

MiniBatch random_batch(const Graph& graph, Index images, std::uint64_t seed) {
  Shape shape = graph.input_shape();
  shape.insert(shape.begin(), images);
  RandomStream random(seed, "finite differences: batch");
  MiniBatch batch{Tensor<double>(shape), {}};
  for (double& v : batch.x.data) v = random.uniform(-1, 1);
  for (Index n = 0; n < images && graph.loss() == Loss::cross_entropy; ++n) {
    batch.labels.push_back(static_cast<int>(random.below(static_cast<std::uint64_t>(graph.classes()))));
  }
  return batch;
}

/// The loss at parameters + step * direction.
Digits40 loss(const Graph& graph, const Parameters& parameters, const MiniBatch& batch,
              const Direction& direction, const Digits40& step) {
  auto moved = numbers<Digits40>(parameters);
  for (std::size_t p = 0; p < moved.size(); ++p)
    for (std::size_t i = 0; i < moved[p].size(); ++i) {
      if (direction[p][i] != 0) moved[p][i] += step * Digits40(direction[p][i]);
    }
  const auto logits =
      Unrolled<Digits40>(graph, moved, numbers<Digits40>(batch.x), batch.size(), Record::values).logits();
  const std::size_t images = static_cast<std::size_t>(batch.size()), classes = logits.size() / images;
  Digits40 total = 0;
  for (std::size_t n = 0; n < images; ++n) {
    if (graph.loss() == Loss::output) {
      total += logits[n];
      continue;
    }
    Digits40 sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += exp(logits[n * classes + k]);
    total += (log(sum) - logits[n * classes + static_cast<std::size_t>(batch.labels[n])]) /
             static_cast<unsigned>(images);
  }
  return total;
}

double central_difference(const Graph& graph, const Parameters& parameters, const MiniBatch& batch,
                          const Direction& direction) {
  const Digits40 step("1e-12");
  const Digits40 rise =
      loss(graph, parameters, batch, direction, step) - loss(graph, parameters, batch, direction, -step);
  return static_cast<double>(Digits40(rise / (2 * step)));
}

Direction no_direction(const Parameters& parameters) {
  Direction out;
  for (const auto& t : parameters) out.emplace_back(t.data.size(), 0.0);
  return out;
}

/// Checks, tensor by tensor, some entries and one direction that moves all entries by +-1.
void expect_agreement(const Graph& graph, const Parameters& parameters, const MiniBatch& batch,
                      std::size_t entries) {
  const FloatRun run = make_float_evaluator(graph, parameters, {FormatId::fp64, Order::chain})
                           ->run(batch, parse_choice("native"), Form::direct);
  RandomStream random(7, "finite differences: directions");
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const auto& gradient = run.gradient[p].data;
    if (gradient.empty()) continue;
    SCOPED_TRACE(graph.parameters()[p].name);
    double largest = 0, sum = 0, along = 0;
    Direction direction = no_direction(parameters);
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      largest = std::max(largest, std::fabs(gradient[i]));
      sum += std::fabs(gradient[i]);
      direction[p][i] = random.below(2) == 0 ? 1 : -1;
      along += direction[p][i] * gradient[i];
    }
    EXPECT_NEAR(along, central_difference(graph, parameters, batch, direction), 1e-12 * std::max(sum, 1e-2));
    for (std::size_t k = 0; k < std::min(entries, gradient.size()); ++k) {
      const std::size_t i = random.below(gradient.size());
      direction = no_direction(parameters);
      direction[p][i] = 1;
      EXPECT_NEAR(gradient[i], central_difference(graph, parameters, batch, direction),
                  1e-12 * std::max(largest, 1e-3))
          << "entry " << i;
    }
  }
}

TEST(FiniteDifferences, AgreeForLeNet) {
  const Graph graph = lenet5(false, BatchNorm::Mode::evaluation);
  expect_agreement(graph, random_parameters(graph, 1), random_batch(graph, 1, 1), 1);
}

TEST(FiniteDifferences, AgreeForLeNetWithBatchStatistics) {
  const Graph graph = lenet5(true, BatchNorm::Mode::training);
  expect_agreement(graph, random_parameters(graph, 2), random_batch(graph, 3, 2), 0);
}

/// conv -> op -> flatten -> linear on two images: one operation at a time.
void expect_operation(const char* what, const Operation& op, Loss loss) {
  SCOPED_TRACE(what);
  GraphBuilder b(what, {2, 6, 5});
  b.then("conv", Conv2d{2, 3, {3, 2, 1, 2, 1, 1}, true});
  const NodeId x = b.last();
  if (std::holds_alternative<Add>(op) || std::holds_alternative<Concat>(op)) {
    const NodeId other = b.then("other", Conv2d{3, 3, Window::square(1, 1), false});
    b.add("op", op, {other, x});
  } else {
    b.then("op", op);
  }
  b.then("last", Conv2d{std::holds_alternative<Concat>(op) ? 6 : 3, 4, Window::square(1, 1), true});
  b.then("gap", GlobalAvgPool{});
  b.then("flatten", Flatten{});
  b.then("fc", Linear{4, loss == Loss::output ? 1 : 3, true});
  const Graph graph = b.build(loss);
  expect_agreement(graph, random_parameters(graph, 3), random_batch(graph, 2, 3), 4);
}

TEST(FiniteDifferences, AgreeForEveryOperation) {
  for (const Loss loss : {Loss::cross_entropy, Loss::output}) {
    expect_operation("relu", Activation{}, loss);
    expect_operation("leaky relu", Activation{Activation::Kind::leaky_relu, 0.2}, loss);
    expect_operation("relu6", Activation{Activation::Kind::relu6}, loss);
    expect_operation("abs", Activation{Activation::Kind::abs}, loss);
    expect_operation("max pool", MaxPool2d{{2, 3, 1, 2, 1, 1}, {}}, loss);
    expect_operation("average pool", AvgPool2d{{3, 2, 2, 1, 1, 1}}, loss);
    expect_operation("norm pool", NormPool2d{{2, 2, 1, 1, 1, 0}}, loss);
    expect_operation("batch norm, running statistics", BatchNorm{3, 1e-3, BatchNorm::Mode::evaluation}, loss);
    expect_operation("batch norm, batch statistics", BatchNorm{3, 1e-3, BatchNorm::Mode::training}, loss);
    expect_operation("add", Add{false}, loss);
    expect_operation("subtract", Add{true}, loss);
    expect_operation("concat", Concat{}, loss);
    expect_operation("dropout", Dropout{}, loss);
  }
}

}  // namespace
}  // namespace gradzone::support
