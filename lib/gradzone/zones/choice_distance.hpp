// Which choice a gradient was computed with, by its distance to the gradients that each choice leads to.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/choice/choice.hpp"

namespace gradzone {

struct ChoiceAnswer {
  enum class Kind {
    told,     ///< it is `choice`
    unclear,  ///< the choices cannot be told apart
    neither   ///< it is far from every choice
  };
  Kind kind = Kind::unclear;
  std::size_t choice = 0;
  friend bool operator==(const ChoiceAnswer&, const ChoiceAnswer&) = default;
};
/// "native", "cannot be told apart", "neither".
std::string name(const ChoiceAnswer& answer, const std::vector<Choice>& choices);

/// What one tensor says. `candidates[s]` are the tensors that choice s leads to: the certified one, and those
/// of float programs in several orders; the distance to a choice is the smallest infinity-norm of a
/// difference. The nearest choice is told if the next one is at least four times as far away and further than
/// `allowance`. It is none of them if the nearest is further than a quarter of the distance between the
/// choices, and both distances are more than the allowance.
ChoiceAnswer nearest_choice(const Tensor<double>& computed,
                            const std::vector<std::vector<const Tensor<double>*>>& candidates,
                            double allowance);

/// What a gradient says whose tensors say these: what all that tell say; neither if they contradict one
/// another, or if none tells and one says neither.
ChoiceAnswer answer_of_all(std::span<const ChoiceAnswer> tensors);

}  // namespace gradzone
