#include "gradzone/kernels/amp16_kernels.hpp"

#include <utility>

#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/forwarding_kernels.hpp"

namespace gradzone {
namespace {

template <class Memory>
class Amp16Kernels final : public ForwardingKernels<Fp16, Memory> {
  using Half = ForwardingKernels<Fp16, Memory>;
  using Single = Kernels<Fp32, Memory>;

 public:
  using Real = typename Half::Real;
  using T = typename Half::T;
  using State = typename Half::State;
  using Labels = typename Half::Labels;

  Amp16Kernels(std::unique_ptr<Kernels<Fp16, Memory>> half, std::unique_ptr<Single> single)
      : Half(std::move(half)), single_(std::move(single)) {}

  // binary32 is the accumulator of fp16, so the fp32 kernel computes what the fp16 kernel does, less the
  // rounding of its results.
  void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight, const State& state, const T& dy,
                           T& dx, T& dw, T& db) const override {
    single_->batch_norm_gradient(op, x, weight, state, dy, dx, dw, db);
    this->inner().round(dx);
  }
  void cross_entropy(const T& logits, const Labels& labels, T& loss, T* dz) const override {
    single_->cross_entropy(logits, labels, loss, dz);
  }

 private:
  std::unique_ptr<Single> single_;
};

}  // namespace

template <class Memory>
std::unique_ptr<Kernels<Fp16, Memory>> make_amp16_kernels(std::unique_ptr<Kernels<Fp16, Memory>> half,
                                                          std::unique_ptr<Kernels<Fp32, Memory>> single) {
  return std::make_unique<Amp16Kernels<Memory>>(std::move(half), std::move(single));
}

template std::unique_ptr<Kernels<Fp16>> make_amp16_kernels(std::unique_ptr<Kernels<Fp16>>,
                                                           std::unique_ptr<Kernels<Fp32>>);
template std::unique_ptr<Kernels<Fp16, DeviceMemory>> make_amp16_kernels(
    std::unique_ptr<Kernels<Fp16, DeviceMemory>>, std::unique_ptr<Kernels<Fp32, DeviceMemory>>);

}  // namespace gradzone
