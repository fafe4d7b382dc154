#include "gradzone/kernels/reference/reference_kernels.hpp"

#include <algorithm>

#include "gradzone/kernels/reference/activation.hpp"
#include "gradzone/kernels/reference/arrangement.hpp"
#include "gradzone/kernels/reference/convolution.hpp"
#include "gradzone/kernels/reference/linear.hpp"
#include "gradzone/kernels/reference/loss.hpp"
#include "gradzone/kernels/reference/normalisation.hpp"
#include "gradzone/kernels/reference/pooling.hpp"

namespace gradzone {

template <class F>
std::unique_ptr<Kernels<F>> make_reference_kernels(Order order) {
  return std::make_unique<ReferenceKernels<F>>(order);
}

template class ReferenceKernels<Fp64>;
template class ReferenceKernels<Fp32>;
template class ReferenceKernels<Fp16>;
template class ReferenceKernels<Bf16>;
template class ReferenceKernels<Fp16Strict>;

template std::unique_ptr<Kernels<Fp64>> make_reference_kernels(Order);
template std::unique_ptr<Kernels<Fp32>> make_reference_kernels(Order);
template std::unique_ptr<Kernels<Fp16>> make_reference_kernels(Order);
template std::unique_ptr<Kernels<Bf16>> make_reference_kernels(Order);
template std::unique_ptr<Kernels<Fp16Strict>> make_reference_kernels(Order);

}  // namespace gradzone
