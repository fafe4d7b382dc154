// How many limbs a certified gradient of a network takes.
#pragma once

#include "gradzone/exact/fast/fast_network.hpp"

namespace gradzone {

/// An estimate from the norms of the weights: `bits` correct bits, and what the bounds of the errors gain on
/// the numbers through the network and back. Only a first guess: what an evaluation reaches is checked.
int estimated_limbs(const FastNetwork& net, int bits);

/// Limbs of a parameter's gradient with `bits` correct bits relative to its largest entry.
int gradient_limbs(int bits);

}  // namespace gradzone
