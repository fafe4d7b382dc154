// The CPU kernels of fp16-strict.
#include "gradzone/kernels/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradzone/kernels/cpu/formats/fp16_strict.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, which sets the target.
#include "gradzone/kernels/cpu/cpu_kernels-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {
std::unique_ptr<Kernels<Fp16Strict>> make_fp16_strict(Order order, const SharedBatch* batch) {
  return make_kernels<Fp16Strict>(order, batch);
}
}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradzone {

HWY_EXPORT(make_fp16_strict);

template <class F>
std::unique_ptr<Kernels<F>> make_cpu_kernels(Order order) {
  return HWY_DYNAMIC_DISPATCH(make_fp16_strict)(order, nullptr);
}
template <class F>
std::unique_ptr<Kernels<F>> make_cpu_kernels(Order order, const SharedBatch& batch) {
  return HWY_DYNAMIC_DISPATCH(make_fp16_strict)(order, &batch);
}
template std::unique_ptr<Kernels<Fp16Strict>> make_cpu_kernels(Order);
template std::unique_ptr<Kernels<Fp16Strict>> make_cpu_kernels(Order, const SharedBatch&);

}  // namespace gradzone
#endif
