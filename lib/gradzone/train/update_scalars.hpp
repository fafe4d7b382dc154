// The scalars of an optimiser's step.
#pragma once

#include <cmath>

#include "gradzone/arith/scalar_functions.hpp"
#include "gradzone/train/optimiser.hpp"
#include "gradzone/train/update.hpp"

namespace gradzone {

template <class F>
SgdScalars<typename F::Real> sgd_scalars(const OptimiserOptions& o, double rate) {
  return {F::scalar(o.weight_decay), F::scalar(o.momentum), F::scalar(-rate), o.nesterov};
}

template <class F>
AdamScalars<typename F::Real> adam_scalars(const OptimiserOptions& o, double rate, std::int64_t t) {
  const auto exponent = static_cast<unsigned long>(t);
  const bool decoupled = o.kind == OptimiserKind::adamw;
  return {.decay = F::scalar(decoupled ? 0 : o.weight_decay),
          .shrink = F::scalar(decoupled ? 1 - rate * o.weight_decay : 1),
          .beta1 = F::scalar(o.beta1),
          .rest1 = F::scalar(1 - o.beta1),
          .beta2 = F::scalar(o.beta2),
          .rest2 = F::scalar(1 - o.beta2),
          .correction = F::scalar(std::sqrt(1 - power_rounded(o.beta2, exponent))),
          .epsilon = F::scalar(o.epsilon),
          .minus_step = F::scalar(-(rate / (1 - power_rounded(o.beta1, exponent))))};
}

}  // namespace gradzone
