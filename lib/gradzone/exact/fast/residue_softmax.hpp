// Delta_R = 0 modulo primes: the backward passes whose differences vanish exactly when the choices agree.
//
// For one sample, sum_i (p_i - [i = y]) d_i times the denominator of the softmax is
//     sum_i e^{z_i} (d_i - d_y),
// with d_i the rational difference of the choices' derivatives of logit i. Exponentials of different rational
// logits are linearly independent over the rationals (Lindemann-Weierstrass), so that it vanishes if and only
// if the polynomial with one unknown v in the place of each different exponential does: one backward pass per
// choice from dL/dz_i = v_i - [i = y] sum_j v_j. Samples with one softmax (equal logit differences) share
// their unknowns, as their fractions share a denominator; other samples have their own.
#pragma once

#include "gradzone/exact/fast/residue_backward.hpp"

namespace gradzone {

struct SoftmaxTest {
  const std::vector<int>& labels;    ///< of the whole batch; not read for Loss::output
  const std::vector<Index>& images;  ///< whose gradients are summed
  WeightTest weights;  ///< projected: random values of the unknowns; full: one pass for each unknown
};

/// Whether the differences vanish modulo every prime. For Loss::output the gradient is that of the sum of the
/// outputs. Precondition: the pass has reached the output and the images are defined there.
bool gradients_vanish(const ResidueForward& forward, const std::vector<Choice>& choices,
                      const SoftmaxTest& test);

}  // namespace gradzone
