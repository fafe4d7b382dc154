// The kernels of amp16, mixed precision training: those of fp16, but batch norm and the loss in binary32.
#pragma once

#include <memory>

#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Kernels that compute as `half` does, with two exceptions. A batch norm's parameters and running statistics
/// may be any binary32 numbers, and their gradients dw and db are left in binary32 (dx is rounded to binary16
/// as ever). The cross-entropy and the gradient of the logits are left in binary32: to be scaled, then
/// rounded to binary16, before they go backward. Weights of other layers and images are binary16 values, as
/// for `half`. Both must sum in the same order.
template <class Memory>
std::unique_ptr<Kernels<Fp16, Memory>> make_amp16_kernels(std::unique_ptr<Kernels<Fp16, Memory>> half,
                                                          std::unique_ptr<Kernels<Fp32, Memory>> single);

}  // namespace gradzone
