// CPU batch normalisation and element-wise sums against the reference, bit for bit.
#include "agree/agree_support.hpp"

namespace gradzone::agree {
namespace {

template <class Real>
::testing::AssertionResult same_bits(const std::vector<Real>& expected, const std::vector<Real>& actual) {
  const Index size = static_cast<Index>(expected.size());
  return agree::same_bits(Tensor<Real>({size}, expected),
                          Tensor<Real>({static_cast<Index>(actual.size())}, actual));
}

template <class F>
class ChannelsAgreement : public ::testing::Test {};
TYPED_TEST_SUITE(ChannelsAgreement, FormatTypes, FormatName);

template <class F>
void expect_agreement(const Shape& shape, BatchNorm::Mode mode, std::uint64_t seed, Mix mix) {
  using T = Tensor<typename F::Real>;
  SCOPED_TRACE(::testing::Message() << "x " << to_string(shape) << ", mode " << static_cast<int>(mode)
                                    << ", seed " << seed);
  RandomStream random(seed, "batch norm agreement");
  const Index channels = shape.back();
  const BatchNorm op{channels, 1e-5, mode};
  const T x = random_tensor<F>(shape, random, mix), dy = random_tensor<F>(shape, random, mix);
  const T weight = random_tensor<F>({channels}, random, Mix::smooth),
          bias = random_tensor<F>({channels}, random, Mix::smooth),
          mean = random_tensor<F>({channels}, random, Mix::smooth);
  T variance = random_tensor<F>({channels}, random, Mix::smooth);
  for (auto& v : variance.data) v = v < 0 ? -v : v;

  const auto reference = make_reference_kernels<F>(Order::chain);
  T y, dx, dw, db;
  BatchNormState<typename F::Real> state;
  reference->batch_norm(op, x, weight, bias, mean, variance, y, state);
  reference->batch_norm_gradient(op, x, weight, state, dy, dx, dw, db);
  on_every_machine<F>([&](const Kernels<F>& cpu) {
    T y2, dx2, dw2, db2;
    BatchNormState<typename F::Real> state2;
    cpu.batch_norm(op, x, weight, bias, mean, variance, y2, state2);
    EXPECT_TRUE(agree::same_bits(y, y2)) << "forward";
    EXPECT_TRUE(same_bits(state.mean, state2.mean)) << "mean";
    EXPECT_TRUE(same_bits(state.variance, state2.variance)) << "variance";
    EXPECT_TRUE(same_bits(state.inverse_deviation, state2.inverse_deviation)) << "inverse deviation";
    cpu.batch_norm_gradient(op, x, weight, state, dy, dx2, dw2, db2);
    EXPECT_TRUE(agree::same_bits(dx, dx2)) << "input gradient";
    EXPECT_TRUE(agree::same_bits(dw, dw2)) << "weight gradient";
    EXPECT_TRUE(agree::same_bits(db, db2)) << "bias gradient";
  });
}

TYPED_TEST(ChannelsAgreement, batch_norm_holds_for_every_width_and_mode) {
  std::uint64_t seed = 0;
  for (const Index channels : {1, 2, 3, 6, 7, 8, 15, 16, 17, 33, 70})
    for (const BatchNorm::Mode mode : {BatchNorm::Mode::training, BatchNorm::Mode::evaluation}) {
      expect_agreement<TypeParam>({3, 4, 5, channels}, mode, seed, all_mixes[seed % 3]);
      ++seed;
    }
}

TYPED_TEST(ChannelsAgreement, batch_norm_holds_for_vectors_and_many_groups) {
  std::uint64_t seed = 100;
  for (const Index images : {1, 31, 32, 33, 65, 161}) {
    expect_agreement<TypeParam>({images, 10}, BatchNorm::Mode::training, seed, all_mixes[seed % 3]);
    expect_agreement<TypeParam>({images, 2, 3, 19}, BatchNorm::Mode::training, seed + 50,
                                all_mixes[seed % 3]);
    ++seed;
  }
}

TYPED_TEST(ChannelsAgreement, sums_and_differences_hold_for_every_length) {
  using T = Tensor<typename TypeParam::Real>;
  const auto reference = make_reference_kernels<TypeParam>(Order::chain);
  std::uint64_t seed = 200;
  for (const Index size : {1, 2, 3, 7, 16, 17, 1000, 40001}) {
    SCOPED_TRACE(::testing::Message() << "size " << size << ", seed " << seed);
    RandomStream random(seed, "sum agreement");
    const Add op{seed % 2 == 0};
    const T a = random_tensor<TypeParam>({size}, random, all_mixes[seed % 3]),
            b = random_tensor<TypeParam>({size}, random, all_mixes[seed % 3]);
    ++seed;
    T y;
    reference->add(op, a, b, y);
    on_every_machine<TypeParam>([&](const Kernels<TypeParam>& cpu) {
      T y2;
      cpu.add(op, a, b, y2);
      EXPECT_TRUE(agree::same_bits(y, y2));
    });
  }
}

}  // namespace
}  // namespace gradzone::agree
