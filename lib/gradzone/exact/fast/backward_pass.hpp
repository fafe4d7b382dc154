// BackwardPass: the chain rule with one choice on proven branches, in multiword enclosures.
#pragma once

#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/exact/fast/forward_pass.hpp"

namespace gradzone {

/// Enclosures of dL/d(parameter), one tensor per Graph::parameters() entry; empty where not trainable.
using FixedGradient = std::vector<ParameterGradient>;

/// From dL/d(output) of the images of `forward` (which kept its values; every branch of theirs is known). The
/// derivative is carried with the forward pass's limbs; parameter gradients are rounded to `limbs`.
FixedGradient backward(const BranchSearch& search, const ForwardPass<FixedField>& forward, int forward_limbs,
                       const Choice& choice, FixedValues output_gradient, int limbs);

}  // namespace gradzone
