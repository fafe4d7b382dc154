#include "gradzone/zones/float_comparison.hpp"

#include <algorithm>
#include <cassert>
#include <type_traits>
#include <utility>

#include "gradzone/eval/places.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {
namespace {

/// The composed form of a hybrid computes another forward run for each beta.
bool share_forward(const Graph& graph, Form form, const std::vector<std::vector<KinkRule>>& rules) {
  if (form == Form::direct) return true;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (std::holds_alternative<MaxPool2d>(graph.nodes()[i].op) && !rules[i][0].agree) return false;
  }
  return true;
}

}  // namespace

template <class F, class Memory>
FloatComparison<F, Memory>::FloatComparison(const Graph& graph, const Parameters& parameters, Order order,
                                            Form form, const std::vector<Choice>& choices, Memory memory)
    : graph_(graph),
      network_(graph, make_kernels<F>(memory, order)),
      parameters_(put_parameters<F>(memory, parameters)),
      form_(form),
      search_(make_search<F>(memory)),
      by_choice_(choices.size()) {
  assert(choices.size() >= 2);
  for (const Choice& choice : choices) choices_.push_back(round_to_scalars(choice, F::id));
  rules_ = kink_rules(graph, choices_);
  one_forward_ = share_forward(graph, form, rules_);
}

template <class F, class Memory>
void FloatComparison<F, Memory>::forward(const T& x, const Choice& choice) {
  // Fused layers would not keep the pre-activations, in which kinks are looked for.
  network_.forward(parameters_, x, choice, form_, Keep::outputs, activations_);
}

template <class F, class Memory>
void FloatComparison<F, Memory>::backward(std::size_t choice) {
  network_.loss(activations_.values.back(), labels_, loss_, &output_gradient_);
  std::swap(gradients_.parameters, by_choice_[choice]);  // memory of the last mini-batch
  network_.backward(parameters_, activations_, output_gradient_, choices_[choice], form_, Keep::parameters,
                    gradients_);
  std::swap(gradients_.parameters, by_choice_[choice]);
}

/// Whether the node is a ReLU with derivative 0 at 0: whatever a pool passes to its zeros, it passes +0 on.
template <class F, class Memory>
bool FloatComparison<F, Memory>::is_dead_at_zero(NodeId id) const {
  if (form_ == Form::composed) return false;  // a pool's output is not its maximum
  const auto* activation = std::get_if<Activation>(&graph_.node(id).op);
  if (!activation || activation->kind != Activation::Kind::relu) return false;
  const KinkRule& rule = rules_[static_cast<std::size_t>(id)][0];
  return rule.agree && rule.value == 0;
}

template <class F, class Memory>
void FloatComparison<F, Memory>::search_kinks_of(std::size_t i) {
  const Node& node = graph_.nodes()[i];
  if (const auto* pool = std::get_if<MaxPool2d>(&node.op)) {
    search_->for_ties(activations_.argmax[i], activations_.values[i],
                      pool->window.kernel_h * pool->window.kernel_w, is_dead_at_zero(node.inputs[0]));
    return;
  }
  // The norm's derivative is the choice's where the norm is zero before it is rounded, which it is after.
  if (std::holds_alternative<NormPool2d>(node.op)) return search_->for_equal(activations_.values[i], Real(0));
  const T& x = activations_.values[static_cast<std::size_t>(node.inputs[0])];
  const std::vector<double> kinks = piecewise(std::get<Activation>(node.op)).kinks;
  for (std::size_t k = 0; k < kinks.size(); ++k) {
    if (!rules_[i][k].agree) search_->for_equal(x, static_cast<Real>(kinks[k]));
  }
}

template <class F, class Memory>
bool FloatComparison<F, Memory>::on_kink() {
  search_->forget();
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const bool differ = std::ranges::any_of(rules_[i], [](const KinkRule& rule) { return !rule.agree; });
    if (differ) search_kinks_of(i);
  }
  return search_->found();
}

template <class F, class Memory>
bool FloatComparison<F, Memory>::all_finite() {
  search_->forget();
  for (const T& value : activations_.values) search_->for_non_finite(value);
  return !search_->found();
}

template <class F, class Memory>
FloatDifference FloatComparison<F, Memory>::difference() {
  // Most often there is none, and a device need not send the gradients to know.
  search_->forget();
  for (std::size_t s = 1; s < by_choice_.size(); ++s)
    for (std::size_t p = 0; p < parameters_.size(); ++p)
      search_->for_difference(by_choice_[0][p], by_choice_[s][p]);
  if (!search_->found()) return {};
  std::vector<std::vector<Tensor<Real>>> gradients(by_choice_.size());
  std::vector<const std::vector<Tensor<Real>>*> pointers;
  for (std::size_t s = 0; s < by_choice_.size(); ++s) {
    if constexpr (std::is_same_v<Memory, HostMemory>) {
      pointers.push_back(&by_choice_[s]);
    } else {
      for (const T& gradient : by_choice_[s]) gradients[s].push_back(gradient.download());
      pointers.push_back(&gradients[s]);
    }
  }
  return largest_difference<Real>(pointers);
}

template <class F, class Memory>
ComparedBatch FloatComparison<F, Memory>::compare(const T& x, const std::vector<int>& labels) {
  ComparedBatch out;
  forward(x, choices_[0]);
  out.on_kink = on_kink();
  out.predicted = argmax_of_first(on_host(activations_.values.back()));
  // Away from the kinks at which the choices differ they are the same program on the same numbers, so their
  // gradients are equal, bit for bit: no backward pass is needed to know that. Where a value is not finite
  // the gradients are compared all the same, as NaN differs from NaN.
  if (one_forward_ && !out.on_kink && all_finite()) return out;
  put(network_.kernels().memory(), labels, labels_);
  for (std::size_t s = 0; s < choices_.size(); ++s) {
    if (s > 0 && !one_forward_) forward(x, choices_[s]);
    backward(s);
  }
  out.difference = difference();
  return out;
}

template class FloatComparison<Fp64>;
template class FloatComparison<Fp32>;
template class FloatComparison<Fp16>;
template class FloatComparison<Bf16>;
template class FloatComparison<Fp16Strict>;

template class FloatComparison<Fp64, DeviceMemory>;
template class FloatComparison<Fp32, DeviceMemory>;
template class FloatComparison<Fp16, DeviceMemory>;
template class FloatComparison<Bf16, DeviceMemory>;
template class FloatComparison<Fp16Strict, DeviceMemory>;

}  // namespace gradzone
