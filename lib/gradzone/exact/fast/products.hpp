// Products of the multiword arithmetic: convolution and both of its gradients, on block fixed point numbers.
//
// Each sum is defined exactly, so that every SIMD path returns the same digits: with x = sum x_j 2^(-52(j+1))
// and w = sum w_i 2^(-52(i+1)), it is the integer sum of all digit products w_i x_j with i + j < limbs,
// each taken in full. The products left out, i + j >= limbs, are in the returned error bound; it is 0 where
// there are none.
// The contraction may have any length. Work is shared on the threads of the current oneTBB arena; scratch
// memory is a few panels per thread.
#pragma once

#include "gradzone/exact/fast/fixed_tensor.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

/// y[n, o, i, j] = sum over kernel and channels of w x (no bias). x: [N, c, h, w], one exponent per image; w:
/// [out, in, kh, kw], one exponent. A linear layer is the 1x1 convolution of [N, features, 1, 1].
FixedSums fixed_convolve(const Conv2d& op, const FixedTensor& x, const FixedTensor& w, int limbs);

/// dx, of shape `x_shape`, from dy: [N, out, h', w'], one exponent per image.
FixedSums fixed_convolve_input_gradient(const Conv2d& op, const FixedTensor& dy, const FixedTensor& w,
                                        const Shape& x_shape, int limbs);

/// dw[o, c, p, q], summed over images as well: one exponent. Images of differing exponents are aligned to the
/// largest exponent(x) + exponent(dy); what that rounds away is in the error.
FixedSums fixed_convolve_weight_gradient(const Conv2d& op, const FixedTensor& x, const FixedTensor& dy,
                                         int limbs);

/// "ifma" or "fma": what the running machine gets. GRADZONE_PRODUCTS=fma in the environment forces the
/// portable path (tests compare both).
const char* products_path();

}  // namespace gradzone
