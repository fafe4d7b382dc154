// CPU linear layers against the reference, bit for bit.
#include "agree/agree_support.hpp"

namespace gradzone::agree {
namespace {

template <class F>
class LinearAgreement : public ::testing::Test {};
TYPED_TEST_SUITE(LinearAgreement, FormatTypes, FormatName);

template <class F>
void expect_agreement(Index images, const Linear& op, std::uint64_t seed, Mix mix,
                      Order order = Order::chain) {
  using T = Tensor<typename F::Real>;
  SCOPED_TRACE(::testing::Message() << images << " images, " << op.in_features << " -> " << op.out_features
                                    << ", seed " << seed << ", mix " << static_cast<int>(mix) << ", order "
                                    << name(order));
  RandomStream random(seed, "linear agreement");
  const T x = random_tensor<F>({images, op.in_features}, random, mix);
  const T w = random_tensor<F>({op.out_features, op.in_features}, random, mix);
  const T b = random_tensor<F>({op.out_features}, random, mix);
  const T dy = random_tensor<F>({images, op.out_features}, random, mix);
  const T* bias = op.bias ? &b : nullptr;

  const auto reference = make_reference_kernels<F>(order);
  T y, dx, dw, db;
  const After after = seed % 2 == 0 ? After::nothing : After::relu;
  reference->linear(op, x, w, bias, after, y);
  reference->linear_input_gradient(op, dy, w, dx);
  reference->linear_weight_gradient(op, x, dy, dw, op.bias ? &db : nullptr);
  on_every_machine<F>(
      [&](const Kernels<F>& cpu) {
        T y2, dx2, dw2, db2;
        cpu.linear(op, x, w, bias, after, y2);
        EXPECT_TRUE(same_bits(y, y2)) << "forward";
        cpu.linear_input_gradient(op, dy, w, dx2);
        EXPECT_TRUE(same_bits(dx, dx2)) << "input gradient";
        cpu.linear_weight_gradient(op, x, dy, dw2, op.bias ? &db2 : nullptr);
        EXPECT_TRUE(same_bits(dw, dw2)) << "weight gradient";
        EXPECT_TRUE(same_bits(db, db2)) << "bias gradient";
      },
      order);
}

TYPED_TEST(LinearAgreement, holds_beyond_vector_widths) {
  std::uint64_t seed = 0;
  for (const Index in : {1, 3, 5, 6, 7, 16, 17, 33, 130})
    for (const Index out : {1, 3, 6, 7, 16, 17, 33, 130}) {
      const Index images = 1 + static_cast<Index>(seed % 7);
      expect_agreement<TypeParam>(images, {in, out, out % 2 == 0}, seed, all_mixes[seed % 3]);
      ++seed;
    }
}

TYPED_TEST(LinearAgreement, holds_for_batches_around_the_group_size) {
  std::uint64_t seed = 100;
  for (const Index images : {1, 2, 31, 32, 33, 65, 129, 225}) {
    expect_agreement<TypeParam>(images, {19, 21, true}, seed, all_mixes[seed % 3]);
    ++seed;
  }
}

TYPED_TEST(LinearAgreement, holds_for_long_chains) {
  for (const Mix mix : all_mixes) expect_agreement<TypeParam>(3, {3000, 18, true}, 200, mix);
}

TYPED_TEST(LinearAgreement, holds_for_the_other_orders) {
  std::uint64_t seed = 300;
  for (const Order order : {Order::bias_first, Order::pairwise, Order::lanes16})
    for (const Index in : {1, 2, 7, 8, 15, 16, 17, 31, 33, 100, 784})
      for (const Index out : {1, 6, 10, 17, 65}) {
        const Index images = seed % 4 == 0 ? 70 : 1 + static_cast<Index>(seed % 7);
        expect_agreement<TypeParam>(images, {in, out, seed % 5 != 0}, seed, all_mixes[seed % 3], order);
        ++seed;
      }
}

}  // namespace
}  // namespace gradzone::agree
