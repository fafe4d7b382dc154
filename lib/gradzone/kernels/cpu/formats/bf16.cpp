// The CPU kernels of bf16.
#include "gradzone/kernels/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradzone/kernels/cpu/formats/bf16.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, which sets the target.
#include "gradzone/kernels/cpu/cpu_kernels-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {
std::unique_ptr<Kernels<Bf16>> make_bf16(Order order, const SharedBatch* batch) {
  return make_kernels<Bf16>(order, batch);
}
}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradzone {

HWY_EXPORT(make_bf16);

template <class F>
std::unique_ptr<Kernels<F>> make_cpu_kernels(Order order) {
  return HWY_DYNAMIC_DISPATCH(make_bf16)(order, nullptr);
}
template <class F>
std::unique_ptr<Kernels<F>> make_cpu_kernels(Order order, const SharedBatch& batch) {
  return HWY_DYNAMIC_DISPATCH(make_bf16)(order, &batch);
}
template std::unique_ptr<Kernels<Bf16>> make_cpu_kernels(Order);
template std::unique_ptr<Kernels<Bf16>> make_cpu_kernels(Order, const SharedBatch&);

}  // namespace gradzone
#endif
