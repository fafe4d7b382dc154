// Formats of tensor cores: what is packed for the vendor's library, and layers within a bound of the exact
// ones, whatever order the library sums in. On a host that plays a device the library is plain loops.
#include "agree/agree_support.hpp"
#include "gradzone/kernels/cuda/bodies/packing.hpp"
#include "gradzone/kernels/cuda/launch.hpp"

namespace gradzone::agree {
namespace {

template <class F>
class TensorCoreAgreement : public ::testing::Test {};
using StorageTypes = ::testing::Types<Fp16, Bf16, Fp32>;
TYPED_TEST_SUITE(TensorCoreAgreement, StorageTypes, FormatName);

/// Calls body(kernels) for the host as a device, and for a card that has the libraries.
template <class F, class Body>
void on_tensor_cores(const Body& body) {
  on_every_device([&](Device& device) {
    try {
      body(DeviceAdaptor<F>(device, Order::tensor_cores));
    } catch (const UsageError& missing) {
      std::printf("left out on %s: %s\n", device.name().c_str(), missing.what());
    }
  });
}

TEST(Packing, keeps_every_number_of_16_bits) {
  using namespace device;
  std::vector<std::uint16_t> numbers(1 << 16), back(numbers.size());
  std::vector<float> values(numbers.size());
  HostDevice host;
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint16_t>(i);
  const auto count = static_cast<Index>(numbers.size());
  const auto expect_back = [&](auto f) {
    using F = typename decltype(f)::type;
    run_each(HostQueue(host), count, Unpack<F>{numbers.data(), values.data()});
    run_each(HostQueue(host), count, Pack<F>{values.data(), back.data()});
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const float v = values[i];
      if (v != v) {
        EXPECT_TRUE(Packing<F>::unpack(back[i]) != Packing<F>::unpack(back[i])) << i;
      } else {
        ASSERT_EQ(numbers[i], back[i]) << name(F::id);
        ASSERT_EQ(bits_of(v), bits_of(F::store(v)));
      }
    }
  };
  expect_back(std::type_identity<Fp16>());
  expect_back(std::type_identity<Bf16>());
  EXPECT_EQ(Packing<Fp16>::pack(1.0f), 0x3C00);
  EXPECT_EQ(Packing<Bf16>::pack(1.0f), 0x3F80);
}

struct Case {
  Conv2d op;
  Index images, h, w;
};

std::vector<Case> cases() {
  const Window ahead{3, 2, 2, 1, 1, 0, 1, 0}, behind{3, 3, 2, 2, 1, 1, -1, -1}, far{2, 2, 1, 1, 0, 1, 2, 3};
  return {{{3, 7, Window::square(3, 1, 1), true}, 5, 9, 8},
          {{5, 4, {3, 2, 2, 1, 1, 0, 0, 0}, false}, 3, 8, 7},
          {{1, 6, Window::square(5, 1), true}, 2, 11, 10},
          {{17, 3, Window{}, true}, 4, 5, 3},
          {{4, 9, Window::square(1, 2), false}, 3, 7, 7},
          {{3, 4, ahead, true}, 3, 8, 6},
          {{2, 5, behind, true}, 2, 9, 10},
          {{3, 2, far, false}, 2, 5, 4}};
}

/// A layer's tensors, and what a format's kernels make of them.
template <class F>
struct Layer {
  using T = Tensor<typename F::Real>;
  T x, w, b, dy;

  struct Results {
    T y, dx, dw, db;
  };
  Results convolved(const Kernels<F>& kernels, const Conv2d& op, After after) const {
    Results r{{}, T(x.shape), {}, {}};
    kernels.conv2d(op, x, w, op.bias ? &b : nullptr, after, r.y);
    kernels.conv2d_input_gradient(op, dy, w, r.dx);
    kernels.conv2d_weight_gradient(op, x, dy, r.dw, op.bias ? &r.db : nullptr);
    return r;
  }
  Results mapped(const Kernels<F>& kernels, const Linear& op, After after) const {
    Results r;
    kernels.linear(op, x, w, op.bias ? &b : nullptr, after, r.y);
    kernels.linear_input_gradient(op, dy, w, r.dx);
    kernels.linear_weight_gradient(op, x, dy, r.dw, op.bias ? &r.db : nullptr);
    return r;
  }
  template <class Convert>
  Layer<Fp64> as_fp64(const Convert& convert) const {
    const auto converted = [&](const T& t) {
      Tensor<double> out(t.shape);
      for (Index i = 0; i < t.size(); ++i) out[i] = convert(static_cast<double>(t[i]));
      return out;
    };
    return {converted(x), converted(w), converted(b), converted(dy)};
  }
};

template <class F>
Layer<F> random_layer(const Conv2d& op, const Shape& x, const Shape& y, RandomStream& random, bool integers) {
  const auto tensor = [&](Shape shape) {
    auto t = random_tensor<F>(std::move(shape), random, Mix::smooth);
    for (auto& v : t.data)
      if (integers) v = static_cast<typename F::Real>(static_cast<int>(random.below(3)) - 1);
    return t;
  };
  const Window& k = op.window;
  Shape w{op.out_channels, op.in_channels};
  if (x.size() == 4) w.insert(w.end(), {k.kernel_h, k.kernel_w});
  return {tensor(x), tensor(w), tensor({op.out_channels}), tensor(y)};
}

/// The library may sum in any order, lose what falls below the sum's last bit, and cut what TF32 does not
/// hold. Results are rounded to storage, with a bias twice. `exact` and `absolute` are of the same terms and
/// of their absolute values, `terms` of them at most.
template <class F>
void expect_close(const Tensor<double>& exact, const Tensor<double>& absolute, Index terms,
                  const Tensor<typename F::Real>& actual, const char* what) {
  const bool tf32 = F::id == FormatId::fp32;
  const double sum = 4 * static_cast<double>(terms + 1) * 0x1p-24 + (tf32 ? 2.01 * 0x1p-10 : 0);
  const double storage = 2.01 * std::ldexp(1.0, -F::precision);
  ASSERT_EQ(exact.shape, actual.shape) << what;
  for (Index i = 0; i < exact.size(); ++i) {
    const double bound = (sum + storage) * absolute[i] + std::ldexp(1.0, F::emin - F::precision + 1);
    ASSERT_LE(std::fabs(exact[i] - static_cast<double>(actual[i])), bound) << what << ", entry " << i;
  }
}

template <class F>
void expect_close(const typename Layer<Fp64>::Results& exact, const typename Layer<Fp64>::Results& absolute,
                  Index terms, const typename Layer<F>::Results& actual) {
  expect_close<F>(exact.y, absolute.y, terms, actual.y, "forward");
  expect_close<F>(exact.dx, absolute.dx, terms, actual.dx, "input gradient");
  expect_close<F>(exact.dw, absolute.dw, terms, actual.dw, "weight gradient");
  expect_close<F>(exact.db, absolute.db, terms, actual.db, "bias gradient");
}

template <class F>
void expect_same(const typename Layer<F>::Results& expected, const typename Layer<F>::Results& actual) {
  EXPECT_TRUE(same_bits(expected.y, actual.y)) << "forward";
  EXPECT_TRUE(same_bits(expected.dx, actual.dx)) << "input gradient";
  EXPECT_TRUE(same_bits(expected.dw, actual.dw)) << "weight gradient";
  EXPECT_TRUE(same_bits(expected.db, actual.db)) << "bias gradient";
}

/// run(kernels, layer, After) on random layers: close to the exact results, and them where nothing is
/// rounded.
template <class F, class MakeLayer, class Run>
void expect_agreement(const MakeLayer& make_layer, Index terms, const Run& run) {
  const auto absolute_value = [](double v) { return std::fabs(v); };
  const auto exact_kernels = make_cpu_kernels<Fp64>(Order::chain);
  const auto chain = make_cpu_kernels<F>(Order::chain);
  for (const After after : {After::nothing, After::relu}) {
    const Layer<F> smooth = make_layer(false), integers = make_layer(true);
    const auto exact = run(*exact_kernels, smooth.as_fp64([](double v) { return v; }), after);
    const auto absolute = run(*exact_kernels, smooth.as_fp64(absolute_value), After::nothing);
    const auto same = run(*chain, integers, after);
    on_tensor_cores<F>([&](const Kernels<F>& kernels) {
      expect_close<F>(exact, absolute, terms, run(kernels, smooth, after));
      expect_same<F>(same, run(kernels, integers, after));
    });
  }
}

TYPED_TEST(TensorCoreAgreement, of_convolutions) {
  using F = TypeParam;
  RandomStream random(21, "tensor cores");
  for (const Case& c : cases()) {
    const Window& window = c.op.window;
    SCOPED_TRACE(::testing::Message()
                 << c.op.in_channels << " to " << c.op.out_channels << " channels, " << window.kernel_h << "x"
                 << window.kernel_w << ", trailing " << window.trailing_h << ", " << window.trailing_w);
    const Shape x{c.images, c.h, c.w, c.op.in_channels};
    const Shape y{c.images, window.out_h(c.h), window.out_w(c.w), c.op.out_channels};
    expect_agreement<F>([&](bool integers) { return random_layer<F>(c.op, x, y, random, integers); },
                        element_count(x),
                        [&](const auto& kernels, const auto& layer, After after) {
                          return layer.convolved(kernels, c.op, after);
                        });
  }
}

TYPED_TEST(TensorCoreAgreement, of_linear_layers) {
  using F = TypeParam;
  RandomStream random(22, "tensor cores");
  for (const Linear op : {Linear{37, 10, true}, Linear{8, 16, false}, Linear{1, 3, true}}) {
    const Index images = 33;
    expect_agreement<F>(
        [&](bool integers) {
          const Conv2d sizes{op.in_features, op.out_features, Window{}, op.bias};
          return random_layer<F>(sizes, {images, op.in_features}, {images, op.out_features}, random,
                                 integers);
        },
        images + op.in_features,
        [&](const auto& kernels, const auto& layer, After after) {
          return layer.mapped(kernels, op, after);
        });
  }
}

}  // namespace
}  // namespace gradzone::agree
