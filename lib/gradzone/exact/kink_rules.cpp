#include "gradzone/exact/kink_rules.hpp"

namespace gradzone {

std::vector<std::vector<KinkRule>> kink_rules(const Graph& graph, const std::vector<Choice>& choices) {
  const auto rule = [&](auto&& value_of) {
    KinkRule out{true, value_of(choices.front())};
    for (const Choice& c : choices) out.agree = out.agree && value_of(c) == out.value;
    return out;
  };
  std::vector<std::vector<KinkRule>> rules;
  for (const Node& node : graph.nodes()) {
    auto& here = rules.emplace_back();
    if (const auto* pool = std::get_if<MaxPool2d>(&node.op)) {
      here.push_back(rule([&](const Choice& c) { return beta_of(*pool, c); }));
    } else if (std::holds_alternative<NormPool2d>(node.op)) {
      here.push_back(rule([&](const Choice& c) { return c.normpool_at_0; }));
    } else if (const auto* activation = std::get_if<Activation>(&node.op)) {
      for (std::size_t k = 0; k < piecewise(*activation).kinks.size(); ++k) {
        here.push_back(rule([&](const Choice& c) { return derivative_at_kinks(*activation, c)[k]; }));
      }
    }
  }
  return rules;
}

}  // namespace gradzone
