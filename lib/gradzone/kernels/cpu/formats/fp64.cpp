// The CPU kernels of fp64.
#include "gradzone/kernels/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradzone/kernels/cpu/formats/fp64.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, which sets the target.
#include "gradzone/kernels/cpu/cpu_kernels-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {
std::unique_ptr<Kernels<Fp64>> make_fp64(Order order, const SharedBatch* batch) {
  return make_kernels<Fp64>(order, batch);
}
}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradzone {

HWY_EXPORT(make_fp64);

template <class F>
std::unique_ptr<Kernels<F>> make_cpu_kernels(Order order) {
  return HWY_DYNAMIC_DISPATCH(make_fp64)(order, nullptr);
}
template <class F>
std::unique_ptr<Kernels<F>> make_cpu_kernels(Order order, const SharedBatch& batch) {
  return HWY_DYNAMIC_DISPATCH(make_fp64)(order, &batch);
}
template std::unique_ptr<Kernels<Fp64>> make_cpu_kernels(Order);
template std::unique_ptr<Kernels<Fp64>> make_cpu_kernels(Order, const SharedBatch&);

}  // namespace gradzone
#endif
