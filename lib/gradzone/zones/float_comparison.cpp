#include "gradzone/zones/float_comparison.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "gradzone/arith/tensors.hpp"
#include "gradzone/eval/non_finite.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {
namespace {

/// Whether some window has several maxima; those whose maximum is 0 do not count if `zero_is_harmless`.
template <class Real>
bool any_tie(const ArgmaxSets& sets, const Tensor<Real>& maxima, Index window, bool zero_is_harmless) {
  auto set = sets.begin();
  for (const Real maximum : maxima.data) {
    const auto end = set + window;
    int members = 0;
    while (set != end) members += *set++;
    if (members > 1 && !(zero_is_harmless && maximum == 0)) return true;
  }
  return false;
}

template <class Real>
bool any_equal(const Tensor<Real>& t, Real value) {
  bool found = false;
  for (const Real v : t.data) found |= v == value;  // no early end: this loop is vectorised
  return found;
}

/// The composed form of a hybrid computes another forward run for each beta.
bool share_forward(const Graph& graph, Form form, const std::vector<std::vector<KinkRule>>& rules) {
  if (form == Form::direct) return true;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (std::holds_alternative<MaxPool2d>(graph.nodes()[i].op) && !rules[i][0].agree) return false;
  }
  return true;
}

}  // namespace

template <class F>
FloatComparison<F>::FloatComparison(const Graph& graph, const Parameters& parameters, Order order, Form form,
                                    const std::vector<Choice>& choices)
    : graph_(graph), network_(graph, make_cpu_kernels<F>(order)), form_(form), by_choice_(choices.size()) {
  assert(choices.size() >= 2);
  for (const Tensor<double>& t : parameters) parameters_.push_back(to_format<F>(t));
  for (const Choice& choice : choices) choices_.push_back(round_to_scalars(choice, F::id));
  rules_ = kink_rules(graph, choices_);
  one_forward_ = share_forward(graph, form, rules_);
}

template <class F>
void FloatComparison<F>::forward(const T& x, const Choice& choice) {
  // Fused layers would not keep the pre-activations, in which kinks are looked for.
  network_.forward(parameters_, x, choice, form_, Keep::outputs, activations_);
}

template <class F>
void FloatComparison<F>::backward(const std::vector<int>& labels, std::size_t choice) {
  network_.loss(activations_.values.back(), labels, &output_gradient_);
  std::swap(gradients_.parameters, by_choice_[choice]);  // memory of the last mini-batch
  network_.backward(parameters_, activations_, output_gradient_, choices_[choice], form_, Keep::parameters,
                    gradients_);
  std::swap(gradients_.parameters, by_choice_[choice]);
}

/// Whether the node is a ReLU with derivative 0 at 0: whatever a pool passes to its zeros, it passes +0 on.
template <class F>
bool FloatComparison<F>::is_dead_at_zero(NodeId id) const {
  if (form_ == Form::composed) return false;  // a pool's output is not its maximum
  const auto* activation = std::get_if<Activation>(&graph_.node(id).op);
  if (!activation || activation->kind != Activation::Kind::relu) return false;
  const KinkRule& rule = rules_[static_cast<std::size_t>(id)][0];
  return rule.agree && rule.value == 0;
}

template <class F>
bool FloatComparison<F>::on_kink(std::size_t i) const {
  const Node& node = graph_.nodes()[i];
  if (const auto* pool = std::get_if<MaxPool2d>(&node.op)) {
    return any_tie(activations_.argmax[i], activations_.values[i],
                   pool->window.kernel_h * pool->window.kernel_w, is_dead_at_zero(node.inputs[0]));
  }
  // The norm's derivative is the choice's where the norm is zero before it is rounded, which it is after.
  if (std::holds_alternative<NormPool2d>(node.op)) return any_equal(activations_.values[i], Real(0));
  const T& x = activations_.values[static_cast<std::size_t>(node.inputs[0])];
  const std::vector<double> kinks = piecewise(std::get<Activation>(node.op)).kinks;
  for (std::size_t k = 0; k < kinks.size(); ++k) {
    if (!rules_[i][k].agree && any_equal(x, static_cast<Real>(kinks[k]))) return true;
  }
  return false;
}

template <class F>
bool FloatComparison<F>::on_kink() const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const bool differ = std::ranges::any_of(rules_[i], [](const KinkRule& rule) { return !rule.agree; });
    if (differ && on_kink(i)) return true;
  }
  return false;
}

template <class F>
ComparedBatch FloatComparison<F>::compare(const T& x, const std::vector<int>& labels) {
  ComparedBatch out;
  forward(x, choices_[0]);
  out.on_kink = on_kink();
  out.predicted = argmax_of_first(activations_.values.back());
  // Away from the kinks at which the choices differ they are the same program on the same numbers, so their
  // gradients are equal, bit for bit: no backward pass is needed to know that. Where a value is not finite
  // the gradients are compared all the same, as NaN differs from NaN.
  if (one_forward_ && !out.on_kink && std::ranges::all_of(activations_.values, all_finite<Real>)) return out;
  std::vector<const std::vector<T>*> gradients;
  for (std::size_t s = 0; s < choices_.size(); ++s) {
    if (s > 0 && !one_forward_) forward(x, choices_[s]);
    backward(labels, s);
    gradients.push_back(&by_choice_[s]);
  }
  out.difference = largest_difference<Real>(gradients);
  return out;
}

template class FloatComparison<Fp64>;
template class FloatComparison<Fp32>;
template class FloatComparison<Fp16>;
template class FloatComparison<Bf16>;
template class FloatComparison<Fp16Strict>;

}  // namespace gradzone
