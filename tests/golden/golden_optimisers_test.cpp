// Trajectories of the optimisers against PyTorch's, stored in this folder (README.md), bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <string>

#include "../support/golden.hpp"
#include "gradzone/train/optimiser.hpp"

namespace gradzone::support {
namespace {

constexpr Index entries = 37;
constexpr int steps = 30;

struct Case {
  std::string name;
  OptimiserOptions options;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

const std::vector<Case> cases = {
    {"sgd", {}},
    {"sgd-momentum", {.momentum = 0.9, .weight_decay = 5e-4}},
    {"sgd-nesterov", {.momentum = 0.9, .weight_decay = 1e-2, .nesterov = true}},
    {"adam", {.kind = OptimiserKind::adam}},
    {"adam-decay",
     {.kind = OptimiserKind::adam, .weight_decay = 1e-2, .beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-6}},
    {"adamw", {.kind = OptimiserKind::adamw, .weight_decay = 1e-2}}};

Graph one_tensor() {
  GraphBuilder net("one tensor", {entries});
  net.then("layer", Linear{entries, 1, false});
  return net.build(Loss::output);
}

/// `numbers` of make_golden_optimisers.py.
template <class Real>
Tensor<Real> numbers(std::uint64_t tensor) {
  Tensor<Real> out({1, entries});
  for (Index i = 0; i < entries; ++i) {
    const double centred = static_cast<double>(golden_word(tensor, static_cast<std::uint64_t>(i))) - 32768;
    out[i] = static_cast<Real>(std::ldexp(centred, -16 - static_cast<int>(i % 12)));
  }
  return out;
}

/// The lines of one number type, in order.
template <class F>
void compare(std::istream& in, const OptimiserOptions& options) {
  using Real = typename F::Real;
  const Graph graph = one_tensor();
  Optimiser<F> optimiser(options, graph);
  std::vector<Tensor<Real>> w = {numbers<Real>(0)};
  int stored = 0;
  std::string type;
  for (int step = 1; step <= steps; ++step) {
    optimiser.step(w, {numbers<Real>(static_cast<std::uint64_t>(step))}, 0.01 * (1 + step % 3));
    if (stored < step) in >> type >> stored;
    if (stored != step) continue;
    for (Index i = 0; i < entries; ++i)
      EXPECT_EQ(w[0][i], static_cast<Real>(next_number(in))) << type << ", step " << step << ", entry " << i;
  }
  EXPECT_EQ(stored, steps);
}

class GoldenOptimisers : public testing::TestWithParam<Case> {};

TEST_P(GoldenOptimisers, StepAsPyTorch) {
  std::ifstream in(std::string(GRADZONE_GOLDEN_DIR) + "/optimiser-" + GetParam().name + ".txt");
  ASSERT_TRUE(in) << "no golden file";
  compare<Fp32>(in, GetParam().options);
  compare<Fp64>(in, GetParam().options);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenOptimisers, testing::ValuesIn(cases), [](const auto& c) {
  std::string name = c.param.name;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace gradzone::support
