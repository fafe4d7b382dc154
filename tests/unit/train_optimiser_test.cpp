#include "gradzone/kernels/cpu/targets.hpp"
// After targets.hpp, which says what the updates are compiled for.
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <tbb/global_control.h>

#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/train/optimiser.hpp"

namespace gradzone {
namespace {

/// The docstring of Optimiser, line by line, on one number.
template <class F>
struct Reference {
  using Real = typename F::Real;
  OptimiserOptions o;
  Real first = 0, second = 0;
  int t = 0;

  void step(Real& w, Real g, double rate) {
    ++t;
    const auto decay = F::scalar(o.weight_decay);
    if (o.kind == OptimiserKind::sgd) {
      const auto mu = F::scalar(o.momentum);
      if (o.weight_decay != 0) g = F::store(F::fma(decay, w, g));
      if (o.momentum != 0) {
        first = F::store(F::mul(mu, first));
        first = F::store(F::add(g, first));
        g = o.nesterov ? F::store(F::fma(mu, first, g)) : first;
      }
      w = F::store(F::fma(F::scalar(-rate), g, w));
      return;
    }
    if (o.kind == OptimiserKind::adamw) {
      w = F::store(F::mul(F::scalar(1 - rate * o.weight_decay), w));
    } else if (o.weight_decay != 0) {
      g = F::store(F::fma(decay, w, g));
    }
    first = F::store(F::mul(F::scalar(o.beta1), first));
    first = F::store(F::fma(F::scalar(1 - o.beta1), g, first));
    second = F::store(F::mul(F::scalar(o.beta2), second));
    second = F::store(F::fma(F::mul(F::scalar(1 - o.beta2), g), g, second));
    Real s = F::store(F::sqrt(second));
    s = F::store(F::div(s, F::scalar(std::sqrt(1 - std::pow(o.beta2, t)))));
    s = F::store(F::add(s, F::scalar(o.epsilon)));
    const Real m = F::mul(F::scalar(-rate / (1 - std::pow(o.beta1, t))), first);
    w = F::store(F::add(w, F::div(m, s)));
  }
};

Graph vector_of(Index size) {
  GraphBuilder net("vector", {size});
  net.then("layer", Linear{size, 1, false});
  return net.build(Loss::output);
}

const std::vector<OptimiserOptions> all_options = {
    {},
    {.momentum = 0.9, .weight_decay = 5e-4},
    {.momentum = 0.5, .weight_decay = 1e-2, .nesterov = true},
    {.kind = OptimiserKind::adam, .epsilon = 1e-4},
    {.kind = OptimiserKind::adam, .weight_decay = 1e-2, .epsilon = 1e-4},
    {.kind = OptimiserKind::adamw, .weight_decay = 0.1, .beta1 = 0.75, .beta2 = 0.875, .epsilon = 1e-4}};

template <class F>
class OptimiserOf : public testing::Test {};
using Formats = testing::Types<Fp64, Fp32, Fp16, Bf16, Fp16Strict>;
TYPED_TEST_SUITE(OptimiserOf, Formats);

TYPED_TEST(OptimiserOf, FollowsItsDocumentation) {
  using F = TypeParam;
  using Real = typename F::Real;
  constexpr Index size = 67;  // some vectors and a rest
  for (const OptimiserOptions& options : all_options) {
    RandomStream random(17, "optimiser");
    const Graph graph = vector_of(size);
    Optimiser<F> optimiser(options, graph);
    std::vector<Reference<F>> references(size, Reference<F>{options});
    std::vector<Tensor<Real>> w{Tensor<Real>({1, size})}, g = w;
    for (Real& v : w[0].data) v = F::from_double(random.uniform(-1, 1));
    std::vector<Real> expected = w[0].data;
    for (int step = 0; step < 5; ++step) {
      const double rate = 0.01 * (step + 1);
      for (Real& v : g[0].data) v = F::from_double(random.uniform(-1, 1) * std::exp2(random.uniform(-12, 4)));
      for (std::size_t i = 0; i < expected.size(); ++i) references[i].step(expected[i], g[0].data[i], rate);
      optimiser.step(w, g, rate);
      ASSERT_EQ(w[0].data, expected) << name(options.kind) << ", seed 17, step " << step;
    }
  }
}

/// Three steps of a long vector on `threads` threads.
std::vector<Tensor<float>> walk(std::size_t threads) {
  constexpr Index size = 100'003;
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
  RandomStream random(5, "walk");
  Optimiser<Fp16> optimiser({.kind = OptimiserKind::adam, .epsilon = 1e-4}, vector_of(size));
  std::vector<Tensor<float>> w{Tensor<float>({1, size})}, g = w;
  for (int step = 0; step < 3; ++step) {
    for (float& v : g[0].data) v = Fp16::from_double(random.uniform(-1, 1));
    optimiser.step(w, g, 0.01);
  }
  return w;
}

TEST(Optimiser, GivesTheSameBitsForEveryNumberOfThreadsAndSimdTarget) {
  const auto one = walk(1);
  EXPECT_EQ(one, walk(2));
  EXPECT_EQ(one, walk(3));
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    EXPECT_EQ(one, walk(2)) << hwy::TargetName(target);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

TEST(Optimiser, LeavesRunningStatisticsAlone) {
  const Graph graph = make_net("lenet5-bn", BatchNorm::Mode::training);
  Optimiser<Fp32> optimiser({.momentum = 0.9}, graph);
  std::vector<Tensor<float>> w, g;
  for (const ParameterSpec& spec : graph.parameters()) {
    w.emplace_back(spec.shape, 1.0f);
    g.push_back(spec.trainable ? Tensor<float>(spec.shape, 1.0f) : Tensor<float>());
  }
  optimiser.step(w, g, 0.5);
  for (std::size_t p = 0; p < w.size(); ++p)
    EXPECT_EQ(w[p].data.front(), graph.parameters()[p].trainable ? 0.5f : 1.0f) << graph.parameters()[p].name;
}

TEST(Optimiser, ContinuesFromASavedState) {
  const Graph graph = vector_of(9);
  for (const OptimiserOptions& options : all_options) {
    Optimiser<Fp16> whole(options, graph), half(options, graph);
    std::vector<Tensor<float>> w{Tensor<float>({1, 9}, 0.5f)}, v = w;
    const std::vector<Tensor<float>> g{Tensor<float>({1, 9}, 0.25f)};
    whole.step(w, g, 0.1);
    half.step(v, g, 0.1);
    Optimiser<Fp16> resumed(options, graph);
    const auto from = half.state(), to = resumed.state();
    ASSERT_EQ(from.size(), to.size());
    for (std::size_t i = 0; i < from.size(); ++i) *to[i].values = *from[i].values;
    resumed.restore_steps(half.steps());
    whole.step(w, g, 0.1);
    resumed.step(v, g, 0.1);
    EXPECT_EQ(w, v);
  }
}

TEST(Optimiser, NamesItsState) {
  const Graph graph = make_net("lenet5", BatchNorm::Mode::training);
  EXPECT_TRUE(Optimiser<Fp32>({}, graph).state().empty());
  Optimiser<Fp32> sgd({.momentum = 0.9}, graph);
  EXPECT_EQ(sgd.state().front().name, "momentum.features.0.weight");
  EXPECT_EQ(sgd.state().size(), graph.parameters().size());
  Optimiser<Fp32> adam({.kind = OptimiserKind::adam}, graph);
  EXPECT_EQ(adam.state()[0].name, "exp_avg.features.0.weight");
  EXPECT_EQ(adam.state()[1].name, "exp_avg_sq.features.0.weight");
  EXPECT_EQ(adam.state()[1].values->shape, graph.parameters()[0].shape);
}

TEST(Optimiser, RefusesOptionsOutOfRange) {
  EXPECT_THROW(validate(OptimiserOptions{.momentum = 1}), UsageError);
  EXPECT_THROW(validate(OptimiserOptions{.momentum = std::nan("")}), UsageError);
  EXPECT_THROW(validate(OptimiserOptions{.weight_decay = -1}), UsageError);
  EXPECT_THROW(validate(OptimiserOptions{.weight_decay = INFINITY}), UsageError);
  EXPECT_THROW(validate(OptimiserOptions{.nesterov = true}), UsageError);
  EXPECT_THROW(validate(OptimiserOptions{.kind = OptimiserKind::adam, .momentum = 0.9}), UsageError);
  EXPECT_THROW(validate(OptimiserOptions{.kind = OptimiserKind::adam, .beta2 = 1}), UsageError);
  EXPECT_THROW(validate(OptimiserOptions{.kind = OptimiserKind::adam, .epsilon = -1e-8}), UsageError);
  EXPECT_EQ(parse_optimiser("adamw"), OptimiserKind::adamw);
  EXPECT_THROW(parse_optimiser("rmsprop"), UsageError);
}

}  // namespace
}  // namespace gradzone
