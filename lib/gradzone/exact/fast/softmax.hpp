// The loss over the reals and its derivative with respect to the output, with MPFR: a few exponentials per
// image.
#pragma once

#include <vector>

#include "gradzone/exact/fast/fixed_values.hpp"
#include "gradzone/graph/graph.hpp"

namespace gradzone {

struct LossEnclosure {
  MpfrInterval value;    ///< of the images given, divided by the size of the whole mini-batch
  FixedValues gradient;  ///< dL/d(output), of the output's shape
};

/// The mean cross-entropy over `batch_size` images (of which `output` may hold some only), or the sum of the
/// outputs. `labels` are those of the images of `output`.
LossEnclosure enclose_loss(Loss loss, const FixedValues& output, const std::vector<int>& labels,
                           Index batch_size, int limbs);

}  // namespace gradzone
