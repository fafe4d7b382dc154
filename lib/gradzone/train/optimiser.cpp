// This file is compiled once per SIMD target.
#include "gradzone/kernels/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradzone/train/optimiser.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, which sets the target.
#include "gradzone/train/update-inl.hpp"
#include "hwy/highway.h"

#ifndef GRADZONE_TRAIN_OPTIMISER_ONCE
#define GRADZONE_TRAIN_OPTIMISER_ONCE

#include <tuple>

#include "gradzone/train/optimiser.hpp"

namespace gradzone {

/// The compiled updates of one format.
template <class F>
struct Updates {
  using Real = typename F::Real;
  void (*sgd)(const SgdScalars<Real>&, const Slices<Real>&, Index);
  void (*adam)(const AdamScalars<Real>&, const Slices<Real>&, Index);
};

template <class List>
struct UpdatesOf;
template <class... F>
struct UpdatesOf<TypeList<F...>> {
  using Table = std::tuple<Updates<F>...>;
};
using UpdateTable = UpdatesOf<FormatList>::Table;

}  // namespace gradzone

#endif

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

template <class... F>
UpdateTable updates_of(TypeList<F...>) {
  return {Updates<F>{&update_all<F, SgdScalars<typename F::Real>>,
                     &update_all<F, AdamScalars<typename F::Real>>}...};
}
UpdateTable updates() {
  return updates_of(FormatList());
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <fmt/format.h>

#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/train/update_scalars.hpp"

namespace gradzone {

HWY_EXPORT(updates);

std::string_view name(OptimiserKind kind) {
  return kind == OptimiserKind::sgd ? "sgd" : kind == OptimiserKind::adam ? "adam" : "adamw";
}

OptimiserKind parse_optimiser(std::string_view text) {
  for (const auto kind : {OptimiserKind::sgd, OptimiserKind::adam, OptimiserKind::adamw}) {
    if (name(kind) == text) return kind;
  }
  throw UsageError(fmt::format("unknown optimiser \"{}\": there are sgd, adam and adamw", text));
}

void validate(const OptimiserOptions& o) {
  const auto check = [](bool fine, std::string_view option, double value, std::string_view range) {
    if (!fine) throw UsageError(fmt::format("the optimiser's {} is {}: it must be {}", option, value, range));
  };
  const auto below_1 = [](double x) { return x >= 0 && x < 1; };
  check(o.weight_decay >= 0 && std::isfinite(o.weight_decay), "weight decay", o.weight_decay,
        "a number from 0");
  check(below_1(o.momentum), "momentum", o.momentum, "from 0 to below 1");
  check(below_1(o.beta1), "beta1", o.beta1, "from 0 to below 1");
  check(below_1(o.beta2), "beta2", o.beta2, "from 0 to below 1");
  check(o.epsilon >= 0 && std::isfinite(o.epsilon), "epsilon", o.epsilon, "a number from 0");
  if (o.nesterov && (o.kind != OptimiserKind::sgd || o.momentum == 0))
    throw UsageError("Nesterov's step needs sgd with a momentum above 0");
  if (o.kind != OptimiserKind::sgd && o.momentum != 0)
    throw UsageError(fmt::format("momentum is for sgd: {} has beta1 and beta2", name(o.kind)));
}

template <class F>
Optimiser<F>::Optimiser(const OptimiserOptions& options, const Graph& graph) : options_(options) {
  validate(options);
  const bool adam = options.kind != OptimiserKind::sgd;
  for (const ParameterSpec& spec : graph.parameters()) {
    const auto zeros = [&](bool present) {
      return present && spec.trainable ? Tensor<Real>(spec.shape) : Tensor<Real>();
    };
    names_.push_back(spec.trainable ? spec.name : "");
    first_.push_back(zeros(adam || options.momentum != 0));
    second_.push_back(zeros(adam));
  }
}

template <class F>
void Optimiser<F>::step(std::vector<Tensor<Real>>& parameters, const std::vector<Tensor<Real>>& gradients,
                        double rate) {
  ++steps_;
  const Updates<F> update = std::get<Updates<F>>(HWY_DYNAMIC_DISPATCH(updates)());
  const auto each = [&](auto apply, const auto& scalars) {
    for (std::size_t p = 0; p < names_.size(); ++p) {
      if (names_[p].empty()) continue;
      const Slices<Real> slices{parameters[p].data.data(), gradients[p].data.data(), first_[p].data.data(),
                                second_[p].data.data()};
      apply(scalars, slices, parameters[p].size());
    }
  };
  if (options_.kind == OptimiserKind::sgd) {
    each(update.sgd, sgd_scalars<F>(options_, rate));
  } else {
    each(update.adam, adam_scalars<F>(options_, rate, steps_));
  }
}

template <class F>
std::vector<typename Optimiser<F>::StateTensor> Optimiser<F>::state() {
  std::vector<StateTensor> out;
  for (std::size_t p = 0; p < names_.size(); ++p) {
    const char* kind = options_.kind == OptimiserKind::sgd ? "momentum" : "exp_avg";
    if (!first_[p].empty()) out.push_back({fmt::format("{}.{}", kind, names_[p]), &first_[p]});
    if (!second_[p].empty()) out.push_back({fmt::format("exp_avg_sq.{}", names_[p]), &second_[p]});
  }
  return out;
}

template class Optimiser<Fp64>;
template class Optimiser<Fp32>;
template class Optimiser<Fp16>;
template class Optimiser<Bf16>;
template class Optimiser<Fp16Strict>;

}  // namespace gradzone
#endif
