#include "gradzone/zones/choice_distance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradzone {
namespace {

double distance(const Tensor<double>& a, const Tensor<double>& b) {
  double out = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const double d = std::fabs(a[i] - b[i]);
    if (!(d <= std::numeric_limits<double>::max())) return std::numeric_limits<double>::infinity();
    out = std::max(out, d);
  }
  return out;
}

/// The distance to the nearest of them.
double distance(const Tensor<double>& a, const std::vector<const Tensor<double>*>& candidates) {
  double out = std::numeric_limits<double>::infinity();
  for (const Tensor<double>* b : candidates) out = std::min(out, distance(a, *b));
  return out;
}

}  // namespace

std::string name(const ChoiceAnswer& answer, const std::vector<Choice>& choices) {
  switch (answer.kind) {
    case ChoiceAnswer::Kind::told:
      return choices[answer.choice].name();
    case ChoiceAnswer::Kind::unclear:
      return "cannot be told apart";
    case ChoiceAnswer::Kind::neither:
      return "neither";
  }
  return "";
}

ChoiceAnswer nearest_choice(const Tensor<double>& computed,
                            const std::vector<std::vector<const Tensor<double>*>>& candidates,
                            double allowance) {
  std::vector<double> far;
  for (const auto& of_choice : candidates) far.push_back(distance(computed, of_choice));
  const std::size_t nearest = static_cast<std::size_t>(std::ranges::min_element(far) - far.begin());
  double next = std::numeric_limits<double>::infinity(), between = 0;
  for (std::size_t s = 0; s < far.size(); ++s) {
    if (s == nearest) continue;
    next = std::min(next, far[s]);
    for (const Tensor<double>* candidate : candidates[s])
      between = std::max(between, distance(*candidate, candidates[nearest]));
  }
  using Kind = ChoiceAnswer::Kind;
  if (std::isfinite(far[nearest]) && 4 * far[nearest] <= next && next > allowance)
    return {Kind::told, nearest};
  const bool neither = far[nearest] > allowance && between > allowance && 4 * far[nearest] > between;
  return neither ? ChoiceAnswer{Kind::neither, nearest} : ChoiceAnswer{Kind::unclear, nearest};
}

ChoiceAnswer answer_of_all(std::span<const ChoiceAnswer> tensors) {
  using Kind = ChoiceAnswer::Kind;
  ChoiceAnswer out;
  for (const ChoiceAnswer& answer : tensors) {
    if (answer.kind == Kind::unclear) continue;
    if (answer.kind == Kind::told && out.kind == Kind::told && out.choice != answer.choice)
      return {Kind::neither, out.choice};
    if (answer.kind == Kind::told || out.kind == Kind::unclear) out = answer;
  }
  return out;
}

}  // namespace gradzone
