// Gradients against PyTorch's, stored in this folder (README.md): fp64 to 1e-12 of each tensor's largest
// entry, fp32 to two bounds derived from its unit roundoff: a rigorous one and a statistical one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <string>

#include "../support/golden.hpp"
#include "../support/running_error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/nets/lenet.hpp"
#include "gradzone/nets/mlp.hpp"

namespace gradzone::support {
namespace {

double golden_value(const ParameterSpec& spec, std::uint32_t word) {
  const double centred = static_cast<double>(word) - 32768;
  if (spec.name.ends_with("running_var")) return 0.5 + word / 65536.0;
  if (spec.shape.size() == 1) return spec.name.ends_with("weight") ? 1 + centred / 131072 : centred / 262144;
  Index power = 1;
  while (power * power < element_count(spec.shape) / spec.shape[0]) power *= 2;
  return centred / static_cast<double>(16384 * power);
}

Parameters golden_parameters(const Graph& graph) {
  Parameters out;
  for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
    Tensor<double> t(graph.parameters()[p].shape);
    for (std::size_t i = 0; i < t.data.size(); ++i)
      t.data[i] = golden_value(graph.parameters()[p], golden_word(p + 1, i));
    out.push_back(std::move(t));
  }
  return out;
}

MiniBatch golden_batch(const Graph& graph, Index images) {
  Shape shape = graph.input_shape();
  shape.insert(shape.begin(), images);
  MiniBatch batch{Tensor<double>(shape), {}};
  for (std::size_t i = 0; i < batch.x.data.size(); ++i) batch.x.data[i] = golden_word(0, i) / 65536.0;
  for (Index n = 0; n < images; ++n) batch.labels.push_back(static_cast<int>((7 * n + 3) % graph.classes()));
  return batch;
}

struct GoldenTensor {
  std::size_t size = 0;
  double largest = 0, checksum = 0;
  std::map<std::size_t, double> entries;
};

struct Golden {
  std::vector<double> logits;
  double loss = 0;
  std::map<std::string, GoldenTensor> gradient;
};

Golden read_golden(const std::string& name, std::size_t logits) {
  std::ifstream in(std::string(GRADZONE_GOLDEN_DIR) + "/" + name + ".txt");
  if (!in) throw std::runtime_error("no golden file " + name);
  Golden out;
  std::string word;
  in >> word;
  for (std::size_t i = 0; i < logits; ++i) out.logits.push_back(next_number(in));
  in >> word;
  out.loss = next_number(in);
  while (in >> word) {
    std::string tensor;
    std::size_t count = 0;
    in >> tensor;
    GoldenTensor& g = out.gradient[tensor];
    in >> g.size;
    g.largest = next_number(in);
    g.checksum = next_number(in);
    in >> count;
    for (std::size_t k = 0; k < count; ++k) {
      std::size_t i = 0;
      in >> i;
      g.entries[i] = next_number(in);
    }
  }
  return out;
}

struct Case {
  std::string file;
  Graph graph;
  Index images;
};

/// Every other operation once; the same graph as `mixed` in make_golden.py.
Graph mixed_net() {
  GraphBuilder b("mixed", {2, 11, 10});
  b.then("conv1", Conv2d{2, 4, Window::square(3, 2, 1), true});
  const NodeId x = b.then("leaky", Activation{Activation::Kind::leaky_relu, 0.125});
  b.then("left", Conv2d{4, 3, Window::square(3, 1, 1), false});
  const NodeId left = b.then("relu6", Activation{Activation::Kind::relu6});
  const NodeId right = b.add("right", AvgPool2d{Window::square(3, 1, 1)}, {x});
  const NodeId both = b.add("cat", Concat{}, {left, right});
  const NodeId side = b.then("side", Conv2d{7, 7, Window::square(1, 1), true});
  b.add("difference", Add{true}, {side, both});
  b.then("pool", MaxPool2d{Window::square(3, 2, 1), {}});
  b.then("bn", BatchNorm{7, 1e-5, BatchNorm::Mode::evaluation});
  const NodeId y = b.then("abs", Activation{Activation::Kind::abs});
  b.then("norm_pool", NormPool2d{Window::square(2, 1)});
  const NodeId norms = b.then("gap1", GlobalAvgPool{});
  const NodeId means = b.add("gap2", GlobalAvgPool{}, {y});
  b.add("features", Concat{}, {norms, means});
  b.then("flatten", Flatten{});
  b.then("head", Linear{14, 5, true});
  return b.build(Loss::cross_entropy);
}

std::vector<Case> cases() {
  return {{"lenet5", lenet5(false, BatchNorm::Mode::evaluation), 3},
          {"lenet5-bn-evaluation", lenet5(true, BatchNorm::Mode::evaluation), 3},
          {"lenet5-bn-training", lenet5(true, BatchNorm::Mode::training), 5},
          {"mlp", mlp(3, 24), 3},
          {"mixed", mixed_net(), 2}};
}

double checksum(const Tensor<double>& g, std::size_t parameter) {
  double sum = 0;
  for (std::size_t i = 0; i < g.data.size(); ++i)
    sum += g.data[i] * (golden_word(parameter + 1000, i) / 65536.0);
  return sum;
}

/// Compares a run with a golden file. `bound(p, i)` is the error allowed in entry i of parameter p,
/// `sum_bound(p)` in its checksum, `value_bound` in logits and loss.
template <class Bound, class SumBound>
void expect_golden(const Golden& golden, const Graph& graph, const FloatRun& run, double value_bound,
                   Bound&& bound, SumBound&& sum_bound) {
  for (std::size_t i = 0; i < golden.logits.size(); ++i)
    EXPECT_NEAR(run.logits.data[i], golden.logits[i], value_bound);
  EXPECT_NEAR(run.loss, golden.loss, value_bound);
  std::size_t compared = 0;
  for (std::size_t p = 0; p < graph.parameters().size(); ++p) {
    const ParameterSpec& spec = graph.parameters()[p];
    if (!spec.trainable) continue;
    SCOPED_TRACE(spec.name);
    ASSERT_TRUE(golden.gradient.contains(spec.name));
    const GoldenTensor& expected = golden.gradient.at(spec.name);
    ASSERT_EQ(run.gradient[p].data.size(), expected.size);
    for (const auto& [i, value] : expected.entries) {
      EXPECT_NEAR(run.gradient[p].data[i], value, bound(p, i)) << "entry " << i;
    }
    EXPECT_NEAR(checksum(run.gradient[p], p), expected.checksum, sum_bound(p)) << "checksum";
    ++compared;
  }
  EXPECT_EQ(compared, golden.gradient.size());
}

TEST(GoldenGradients, AgreeInFp64) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.file);
    const Golden golden = read_golden(c.file, static_cast<std::size_t>(c.images * c.graph.classes()));
    const Parameters parameters = golden_parameters(c.graph);
    const auto evaluator = make_float_evaluator(c.graph, parameters, {FormatId::fp64, Order::chain});
    const FloatRun run =
        evaluator->run(golden_batch(c.graph, c.images), parse_choice("native"), Form::direct);
    const auto largest = [&](std::size_t p) {
      return golden.gradient.at(c.graph.parameters()[p].name).largest;
    };
    // A tensor that is zero in exact arithmetic (the bias before a training batch norm) holds rounding errors
    // alone.
    const auto scale = [&](std::size_t p) { return std::max(largest(p), 1e-3); };
    expect_golden(
        golden, c.graph, run, 1e-12, [&](std::size_t p, std::size_t) { return 1e-12 * scale(p); },
        [&](std::size_t p) {
          return 1e-12 * scale(p) * std::sqrt(static_cast<double>(run.gradient[p].data.size()));
        });
  }
}

constexpr double unit_roundoff = 0x1p-24;

TEST(GoldenGradients, AgreeInFp32WithinTheRunningErrorBound) {
  for (const Case& c : cases()) {
    if (c.file == "lenet5-bn-training" || c.file == "mixed") continue;  // RunningError knows plain chains
    SCOPED_TRACE(c.file);
    const Golden golden = read_golden(c.file, static_cast<std::size_t>(c.images * c.graph.classes()));
    const Parameters parameters = golden_parameters(c.graph);
    const MiniBatch batch = golden_batch(c.graph, c.images);
    const auto evaluator = make_float_evaluator(c.graph, parameters, {FormatId::fp32, Order::chain});
    const FloatRun run = evaluator->run(batch, parse_choice("native"), Form::direct);
    const RunningError bounds(c.graph, parameters, batch, unit_roundoff);
    const auto sum_bound = [&](std::size_t p) {
      double sum = 0;
      for (std::size_t i = 0; i < run.gradient[p].data.size(); ++i) sum += bounds.gradient_error(p, i);
      return sum;
    };
    expect_golden(
        golden, c.graph, run, bounds.logit_error(),
        [&](std::size_t p, std::size_t i) { return bounds.gradient_error(p, i); }, sum_bound);
    // Worst-case bounds grow with every layer; near the output, and in the small network, they still say
    // something.
    for (std::size_t p = c.file == "mlp" ? 0 : run.gradient.size() - 2; p < run.gradient.size(); ++p) {
      const double largest = golden.gradient.at(c.graph.parameters()[p].name).largest;
      EXPECT_LT(bounds.gradient_error(p, 0), 0.5 * largest) << c.graph.parameters()[p].name;
    }
  }
}

/// Roundings along the longest path of the forward and backward pass: one per term of each sum and 32 for
/// every other layer, and one weight gradient.
double roundings(const Graph& graph, Index images) {
  Index count = 0, longest_sum = 0;
  for (const Node& node : graph.nodes()) {
    const bool has_weights = node.first_parameter >= 0 && !std::holds_alternative<BatchNorm>(node.op);
    if (!has_weights) {
      count += 32;
      continue;
    }
    const Shape& w = graph.parameters()[static_cast<std::size_t>(node.first_parameter)].shape;
    count += element_count(w) / w[0] + element_count(w) / w[1];
    longest_sum = std::max(longest_sum, images * element_count(node.shape) / w[0]);
  }
  return static_cast<double>(count + longest_sum);
}

/// How much each gradient tensor moves, relative to its largest entry and in units of u, when every parameter
/// and pixel moves by a relative u up or down: the condition of the problem itself. At least 1.
std::vector<double> conditions(const Case& c, const Parameters& parameters, const MiniBatch& batch) {
  const auto gradient = [&](const Parameters& at, const MiniBatch& b) {
    return make_float_evaluator(c.graph, at, {FormatId::fp64, Order::chain})
        ->run(b, parse_choice("native"), Form::direct)
        .gradient;
  };
  const auto centre = gradient(parameters, batch);
  std::vector<double> out(centre.size(), 1.0);
  RandomStream random(1, "conditions");
  const auto moved = [&](Tensor<double> t) {
    for (double& v : t.data) v *= random.below(2) == 0 ? 1 + unit_roundoff : 1 - unit_roundoff;
    return t;
  };
  for (int trial = 0; trial < 4; ++trial) {
    Parameters nearby;
    for (const auto& t : parameters) nearby.push_back(moved(t));
    const auto there = gradient(nearby, {moved(batch.x), batch.labels});
    for (std::size_t p = 0; p < centre.size(); ++p) {
      double change = 0, largest = 1e-2;
      for (std::size_t i = 0; i < centre[p].data.size(); ++i) {
        change = std::max(change, std::fabs(there[p].data[i] - centre[p].data[i]));
        largest = std::max(largest, std::fabs(centre[p].data[i]));
      }
      out[p] = std::max(out[p], change / largest / unit_roundoff);
    }
  }
  return out;
}

TEST(GoldenGradients, AgreeInFp32WithinTheStatisticalBound) {
  // n independent roundings of mean zero are a relative change beyond 8 sqrt(n) u with negligible probability
  // (Higham and Mary, A new approach to probabilistic rounding error analysis, 2019); the condition says what
  // it does.
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.file);
    const Golden golden = read_golden(c.file, static_cast<std::size_t>(c.images * c.graph.classes()));
    const Parameters parameters = golden_parameters(c.graph);
    const MiniBatch batch = golden_batch(c.graph, c.images);
    const auto evaluator = make_float_evaluator(c.graph, parameters, {FormatId::fp32, Order::chain});
    const FloatRun run = evaluator->run(batch, parse_choice("native"), Form::direct);
    const std::vector<double> condition = conditions(c, parameters, batch);
    const double relative = 8 * std::sqrt(roundings(c.graph, c.images)) * unit_roundoff;
    const auto bound = [&](std::size_t p) {
      return relative * condition[p] *
             std::max(golden.gradient.at(c.graph.parameters()[p].name).largest, 1e-2);
    };
    expect_golden(
        golden, c.graph, run, relative, [&](std::size_t p, std::size_t) { return bound(p); },
        [&](std::size_t p) {
          return bound(p) * std::sqrt(static_cast<double>(run.gradient[p].data.size()));
        });
    EXPECT_LT(relative * *std::max_element(condition.begin(), condition.end()), 0.02) << "no bound";
  }
}

}  // namespace
}  // namespace gradzone::support
