// Laws of foreign gradients on random networks: ours, in any order and under any choice, are never wrong, and
// the choice that is told is the one, or one with the same gradient.
#include "gradzone/zones/foreign_gradient.hpp"

#include <gtest/gtest.h>

#include "../support/random_net.hpp"

namespace gradzone::support {
namespace {

TEST(ForeignGradientLaws, OursAreNeverWrongAndTellTheirChoice) {
  int told = 0, judged = 0;
  for (std::uint64_t seed = 0; seed < 1500 && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed);
    if (net.graph.loss() != Loss::cross_entropy) continue;
    SCOPED_TRACE(net.describe());
    const GradientJudge judge(net.graph, net.parameters,
                              {{net.format}, net.form, net.choices, {}, Backend::cpu});
    const std::size_t choice = seed % net.choices.size();
    const Order order = all_orders[seed / 7 % all_orders.size()];
    const FloatRun run = make_float_evaluator(net.graph, net.parameters, {net.format, order})
                             ->run(net.batch, net.choices[choice], net.form);
    const JudgedGradient found = judge.judge(net.batch, {run.gradient, run.logits});
    if (found.judgement == Judgement::open) continue;
    ++judged;
    for (const JudgedTensor& t : found.tensors) {
      EXPECT_NE(t.judgement, Judgement::wrong)
          << t.errors.tensor << ": " << t.reason << ", share " << t.budget_share << ", "
          << name(found.answer, judge.choices()) << " for " << net.choices[choice].name() << " in "
          << name(order) << ", unstable " << found.unstable_layer;
    }
    EXPECT_NE(found.judgement, Judgement::other_point);
    if (found.answer.kind != ChoiceAnswer::Kind::told) continue;
    ++told;
    const FloatRun other = make_float_evaluator(net.graph, net.parameters, {net.format, order})
                               ->run(net.batch, net.choices[found.answer.choice], net.form);
    EXPECT_TRUE(found.answer.choice == choice || other.gradient == run.gradient)
        << name(found.answer, judge.choices()) << " in place of " << net.choices[choice].name();
  }
  EXPECT_GT(judged, 100);
  EXPECT_GT(told, 10);
}

}  // namespace
}  // namespace gradzone::support
