#include "gradzone/eval/search.hpp"

#include "gradzone/eval/non_finite.hpp"
#include "gradzone/eval/search_on.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"

namespace gradzone {
namespace {

template <class F>
class HostSearch final : public Search<F> {
 public:
  using Base = Search<F>;
  using typename Base::Real;
  using typename Base::Sets;
  using typename Base::T;

  void forget() override { found_ = false; }
  void for_non_finite(const T& t) override { found_ = found_ || !all_finite(t); }
  // No early end: the next two loops are vectorised.
  void for_equal(const T& t, Real value) override {
    if (found_) return;
    bool found = false;
    for (const Real v : t.data) found |= v == value;
    found_ = found;
  }
  void for_difference(const T& a, const T& b) override {
    if (found_) return;
    bool found = false;
    for (std::size_t i = 0; i < a.data.size(); ++i) found |= !(a.data[i] - b.data[i] == 0);
    found_ = found;
  }
  void for_ties(const Sets& sets, const T& maxima, Index window, bool zero_is_harmless) override {
    auto set = sets.begin();
    for (const Real maximum : maxima.data) {
      if (found_) return;
      const auto end = set + window;
      int members = 0;
      while (set != end) members += *set++;
      found_ = members > 1 && !(zero_is_harmless && maximum == 0);
    }
  }
  bool found() override { return found_; }

 private:
  bool found_ = false;
};

}  // namespace

template <class F>
std::unique_ptr<Search<F>> make_search(HostMemory) {
  return std::make_unique<HostSearch<F>>();
}

template <class F>
std::unique_ptr<Search<F, DeviceMemory>> make_search(DeviceMemory memory) {
  auto* host = dynamic_cast<HostDevice*>(memory.device);
  if (host == nullptr) return make_cuda_search<F>(memory);
  return std::make_unique<device::SearchOn<F, device::HostQueue>>(memory, device::HostQueue(*host));
}

template std::unique_ptr<Search<Fp64>> make_search<Fp64>(HostMemory);
template std::unique_ptr<Search<Fp32>> make_search<Fp32>(HostMemory);
template std::unique_ptr<Search<Fp16>> make_search<Fp16>(HostMemory);
template std::unique_ptr<Search<Bf16>> make_search<Bf16>(HostMemory);
template std::unique_ptr<Search<Fp16Strict>> make_search<Fp16Strict>(HostMemory);

template std::unique_ptr<Search<Fp64, DeviceMemory>> make_search<Fp64>(DeviceMemory);
template std::unique_ptr<Search<Fp32, DeviceMemory>> make_search<Fp32>(DeviceMemory);
template std::unique_ptr<Search<Fp16, DeviceMemory>> make_search<Fp16>(DeviceMemory);
template std::unique_ptr<Search<Bf16, DeviceMemory>> make_search<Bf16>(DeviceMemory);
template std::unique_ptr<Search<Fp16Strict, DeviceMemory>> make_search<Fp16Strict>(DeviceMemory);

}  // namespace gradzone
