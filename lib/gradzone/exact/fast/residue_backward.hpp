// The backward passes of all choices modulo every prime, side by side: they share what they have in common,
// so that a layer above which the choices agree costs one pass.
#pragma once

#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/exact/fast/residue_forward.hpp"

namespace gradzone {

enum class WeightTest {
  projected,  ///< the product of a weight gradient with one random vector: an unknown more, almost no work
  full,       ///< entry by entry
};

/// Whether the parameter gradients of all choices are congruent modulo every prime. `images`, in order, are
/// those of the forward pass that the output gradient, [images.size(), output shape...], is for; they are
/// defined there. Batch norm in training mode couples images: then all of them are listed.
bool gradients_are_congruent(const ResidueForward& forward, const std::vector<Choice>& choices,
                             const std::vector<Index>& images, ResidueTensor output_gradient,
                             WeightTest test);

}  // namespace gradzone
