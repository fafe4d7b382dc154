// Summation orders: where they differ, and the shape of the tree.
#include <gtest/gtest.h>

#include <vector>

#include "gradzone/kernels/kernels.hpp"
#include "gradzone/kernels/reference/sum.hpp"

namespace gradzone {
namespace {

using reference::batch_sum;
using reference::Sum;
using reference::tree_sum;

// Sums in fp32 of 2^24 and ones: 2^24 + 1 is a tie and goes back to 2^24, so every sum shows how it was
// bracketed.
constexpr float big = 0x1p24f;

TEST(TreeSum, adds_neighbours_first) {
  EXPECT_EQ((tree_sum<Fp32>({big, 1, 1, 1})), big + 2);  // (big + 1) + (1 + 1)
  EXPECT_EQ((tree_sum<Fp32>({1, 1, big, 1})), big + 2);  // (1 + 1) + (big + 1)
  EXPECT_EQ((tree_sum<Fp32>({big, 1, 1, 1, 1, 1, 1, 1})), big + 6);
}

TEST(TreeSum, moves_an_odd_last_value_up_unchanged) {
  EXPECT_EQ((tree_sum<Fp32>({1, 1, big})), big + 2);              // (1 + 1) + big
  EXPECT_EQ((tree_sum<Fp32>({big, 1, 1})), big);                  // (big + 1) + 1
  EXPECT_EQ((tree_sum<Fp32>({1, 1, 1, 1, big})), big + 4);        // ((1 + 1) + (1 + 1)) + big
  EXPECT_EQ((tree_sum<Fp32>({big, 0, 0, 0, 1, 1, 1})), big + 4);  // (big + 0) + ((1 + 1) + 1), a tie to even
}

TEST(TreeSum, of_nothing_is_plus_zero_and_of_one_value_is_that_value) {
  EXPECT_EQ(tree_sum<Fp32>({}), 0);
  EXPECT_FALSE(std::signbit(tree_sum<Fp32>({})));
  EXPECT_TRUE(std::signbit(tree_sum<Fp32>({-0.0f})));
}

TEST(BatchSum, is_one_chain_per_group_and_a_tree_of_groups) {
  // 32 images of big, 1, 1, ... in a chain lose every 1; the second group keeps its 32 ones.
  const auto add_image = [](Sum<Fp32>& sum, std::int64_t n) { sum.add(n == 0 ? big : 1); };
  EXPECT_EQ(batch_sum<Fp32>(Order::chain, 32, images_per_group, add_image), big);
  EXPECT_EQ(batch_sum<Fp32>(Order::chain, 33, images_per_group, add_image), big);  // big + 1
  EXPECT_EQ(batch_sum<Fp32>(Order::chain, 64, images_per_group, add_image), big + 32);
  EXPECT_EQ(batch_sum<Fp32>(Order::chain, 128, images_per_group, add_image), big + 96);
}

/// A dot product of `a` with ones, plus `bias`, by a linear layer.
float dot(Order order, const std::vector<float>& a, float bias) {
  const Index n = static_cast<Index>(a.size());
  const Tensor<float> x({1, n}, a), w({1, n}, 1.0f), b({1}, bias);
  Tensor<float> y;
  make_reference_kernels<Fp32>(order)->linear(Linear{n, 1, true}, x, w, &b, After::nothing, y);
  return y[0];
}

TEST(Orders, differ_where_they_should) {
  // chain: ((big + 1) + 1) + 1 = big, then the bias -big: 0.   bias first: ((-big + big) + 1) + 1 + 1 = 3.
  // pairwise: (big + 1) + (1 + 1) - big = 2.   lanes16: four lanes, the tree of pairwise: 2.
  const std::vector<float> a = {big, 1, 1, 1};
  EXPECT_EQ(dot(Order::chain, a, -big), 0);
  EXPECT_EQ(dot(Order::bias_first, a, -big), 3);
  EXPECT_EQ(dot(Order::pairwise, a, -big), 2);
  EXPECT_EQ(dot(Order::lanes16, a, -big), 2);
}

TEST(Orders, lanes16_and_pairwise_differ_beyond_sixteen_terms) {
  // 2^24 and sixteen ones. The first sixteen terms are 2^24 + 14 in both trees. The last one is lost in lane
  // 0, where it meets 2^24; pairwise it meets 2^24 + 14, a tie that goes to 2^24 + 16.
  std::vector<float> a(17, 1);
  a[0] = big;
  EXPECT_EQ(dot(Order::lanes16, a, 0), big + 14);
  EXPECT_EQ(dot(Order::pairwise, a, 0), big + 16);
}

TEST(Orders, chain_fuses_and_pairwise_rounds_products) {
  // (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24; a rounded product loses it.
  const float u = 1 + 0x1p-12f;
  const Tensor<float> x({1, 2}, {-(1 + 0x1p-11f), u}), w({1, 2}, {1, u});
  const auto value = [&](Order order) {
    Tensor<float> y;
    make_reference_kernels<Fp32>(order)->linear(Linear{2, 1, false}, x, w, nullptr, After::nothing, y);
    return y[0];
  };
  EXPECT_EQ(value(Order::chain), 0x1p-24f);
  EXPECT_EQ(value(Order::bias_first), 0x1p-24f);
  EXPECT_EQ(value(Order::pairwise), 0);
  EXPECT_EQ(value(Order::lanes16), 0);  // two lanes of one product each
}

}  // namespace
}  // namespace gradzone
