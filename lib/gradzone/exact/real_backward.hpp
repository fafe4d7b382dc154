// The backward pass over the reals: the chain rule with one choice, on the branches that the forward pass
// proved.
#pragma once

#include <optional>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/exact/arithmetic.hpp"
#include "gradzone/exact/real_forward.hpp"

namespace gradzone {

template <class A>
using RealGradient = std::vector<Tensor<typename A::Number>>;

/// dL/d(parameter) per Graph::parameters() entry (empty where not trainable), from dL/d(output). Nothing is
/// returned if a branch that a nonzero derivative reaches is unknown.
template <class A>
std::optional<RealGradient<A>> real_backward(const A& arithmetic, const Graph& graph,
                                             const std::vector<Tensor<typename A::Number>>& parameters,
                                             const RealForward<A>& forward, const Choice& choice,
                                             Tensor<typename A::Number> output_gradient);

extern template std::optional<RealGradient<BallArithmetic>> real_backward(const BallArithmetic&, const Graph&,
                                                                          const std::vector<Tensor<Ball>>&,
                                                                          const RealForward<BallArithmetic>&,
                                                                          const Choice&, Tensor<Ball>);
extern template std::optional<RealGradient<RationalArithmetic>> real_backward(
    const RationalArithmetic&, const Graph&, const std::vector<Tensor<RationalArithmetic::Number>>&,
    const RealForward<RationalArithmetic>&, const Choice&, Tensor<RationalArithmetic::Number>);

/// Enclosures of the mean cross-entropy (or the summed output) and of its derivative with respect to the
/// output node.
struct RealLoss {
  Ball value;
  Tensor<Ball> gradient;
};
RealLoss real_loss(const BallArithmetic& arithmetic, const Graph& graph, const Tensor<Ball>& output,
                   const std::vector<int>& labels);

}  // namespace gradzone
