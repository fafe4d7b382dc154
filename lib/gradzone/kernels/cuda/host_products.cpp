// The products of a format of tensor cores on the host, for tests: the obvious loops.
#include <vector>

#include "gradzone/kernels/cuda/bodies/packing.hpp"

namespace gradzone::device {
namespace {

constexpr int tf32_precision = 11;

template <class F>
class HostProducts final : public VendorProducts {
  using P = Packing<F>;
  using Packed = typename P::Packed;

 public:
  explicit HostProducts(HostDevice& device) : device_(device) {}

  void forward(const Convolution& c, const void* x, const void* w, void* y) override {
    device_.queue([=] {
      const std::vector<float> a = factors(x, images(c)), b = factors(w, weights(c));
      std::vector<float> sums(results(c));
      each_product(c, [&](std::size_t in, std::size_t tap, std::size_t out) { sums[out] += a[in] * b[tap]; });
      store(sums, y);
    });
  }
  void input_gradient(const Convolution& c, const void* dy, const void* w, void* dx) override {
    device_.queue([=] {
      const std::vector<float> a = factors(dy, results(c)), b = factors(w, weights(c));
      std::vector<float> sums(images(c));
      each_product(c, [&](std::size_t in, std::size_t tap, std::size_t out) { sums[in] += a[out] * b[tap]; });
      store(sums, dx);
    });
  }
  void weight_gradient(const Convolution& c, const void* x, const void* dy, void* dw) override {
    device_.queue([=] {
      const std::vector<float> a = factors(x, images(c)), b = factors(dy, results(c));
      std::vector<float> sums(weights(c));
      each_product(c, [&](std::size_t in, std::size_t tap, std::size_t out) { sums[tap] += a[in] * b[out]; });
      store(sums, dw);
    });
  }

 private:
  static std::size_t images(const Convolution& c) { return std::size_t(c.images) * c.h * c.w * c.in; }
  static std::size_t weights(const Convolution& c) { return std::size_t(c.out) * c.taps() * c.in; }
  static std::size_t results(const Convolution& c) {
    return std::size_t(c.images) * c.out_h * c.out_w * c.out;
  }
  static std::vector<float> factors(const void* values, std::size_t count) {
    std::vector<float> out;
    for (std::size_t i = 0; i < count; ++i) {
      const float v = P::unpack(static_cast<const Packed*>(values)[i]);
      const bool rounded = P::factor == Factor::tf32;
      out.push_back(rounded ? static_cast<float>(round_to_precision(v, tf32_precision, F::emin, F::emax))
                            : v);
    }
    return out;
  }
  static void store(const std::vector<float>& sums, void* results) {
    for (std::size_t i = 0; i < sums.size(); ++i)
      static_cast<Packed*>(results)[i] = P::pack(F::store(sums[i]));
  }

  /// visit(entry of x, of w, of y) for every product of the convolution, channels slowest; what falls into
  /// the padding adds nothing.
  template <class Visit>
  static void each_product(const Convolution& c, const Visit& visit) {
    for (int in = 0; in < c.in; ++in)
      for (int p = 0; p < c.kernel_h; ++p)
        for (int q = 0; q < c.kernel_w; ++q)
          for (int n = 0; n < c.images; ++n)
            for (int i = 0; i < c.out_h; ++i)
              for (int j = 0; j < c.out_w; ++j) {
                const int row = i * c.stride_h - c.padding_h + p, column = j * c.stride_w - c.padding_w + q;
                if (row < 0 || row >= c.h || column < 0 || column >= c.w) continue;
                for (int out = 0; out < c.out; ++out)
                  visit(((std::size_t(n) * c.h + row) * c.w + column) * c.in + in,
                        (std::size_t(out) * c.taps() + p * c.kernel_w + q) * c.in + in,
                        ((std::size_t(n) * c.out_h + i) * c.out_w + j) * c.out + out);
              }
  }

  HostDevice& device_;
};

}  // namespace

std::unique_ptr<VendorProducts> make_host_products(HostDevice& device, Factor factor) {
  switch (factor) {
    case Factor::binary16:
      return std::make_unique<HostProducts<Fp16>>(device);
    case Factor::bfloat16:
      return std::make_unique<HostProducts<Bf16>>(device);
    case Factor::tf32:
      break;
  }
  return std::make_unique<HostProducts<Fp32>>(device);
}

}  // namespace gradzone::device
