// No bound of the fast engine vanishes where what it bounds does not: weights, numbers and errors whose
// products are smaller than any double.
#include <gtest/gtest.h>

#include <limits>

#include "gradzone/exact/fast/filter.hpp"
#include "gradzone/exact/fast/fixed_layers.hpp"
#include "gradzone/exact/fast/sparse_map.hpp"

namespace gradzone {
namespace {

constexpr double least = std::numeric_limits<double>::denorm_min();

/// Entries of one vector, or one pixel: digit `limb` of entry i is 1 where errors or numbers say so.
struct Entry {
  int limb;       ///< the number is 2^(exponent - 52 (limb + 1)); -1: 0
  double radius;  ///< in units of 2^radius_exponent
};
FixedValues entries(const std::vector<Entry>& list, int limbs, int exponent, int radius_exponent) {
  const Shape shape{1, static_cast<Index>(list.size()), 1, 1};
  FixedValues out{FixedTensor(shape, limbs, 1), Radii(shape)};
  out.mid.exponent = {exponent};
  out.radii.exponent = {radius_exponent};
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].limb >= 0) out.mid.plane(list[i].limb)[static_cast<Index>(i)] = 1;
    out.radii.entry[i] = list[i].radius;
    out.radii.pixel[0] += list[i].radius;
  }
  return out;
}

/// A linear layer, [out, in].
LinearLayer linear_layer(const Tensor<double>& weight) {
  GraphBuilder b("layer", {weight.dim(1), 1, 1});
  b.then("flatten", Flatten{});
  b.then("fc", Linear{weight.dim(1), weight.dim(0), false});
  return *gradzone::linear_layer(b.build(weight.dim(0) > 1 ? Loss::cross_entropy : Loss::output), 2,
                                 {weight});
}

TEST(TinyNumbers, weights_far_below_the_largest_have_norms) {
  for (const double largest : {1.0, 0x1p1000}) {
    Tensor<double> weight({2, 2}, 0.0);
    weight[0] = largest;
    weight[3] = least;
    const LayerNorms norms = layer_norms(weight);
    EXPECT_GT(norms.row[1], 0);
    EXPECT_GT(norms.column[1], 0);
  }
}

TEST(TinyNumbers, subnormal_weights_carry_errors_on) {
  Tensor<double> weight({2, 2}, 0.0);
  weight[0] = 1;
  weight[3] = least;
  const LinearLayer layer = linear_layer(weight);
  FixedValues x = entries({{0, 0}, {0, 1}}, 2, 0, -100);
  x.mid.shape = {1, 2};
  EXPECT_GT(forward(layer, x, 24).radii.entry[1], 0);
  EXPECT_GT(input_gradient(layer, x, {1, 2}, 24).radii.entry[1], 0);
}

SparseMap average_of_two(const MpfrInterval& weight) {
  SparseMap map(Shape{1, 1, 1, 1});
  const int w = map.weight(weight);
  map.first = {0, 2};
  map.terms = {{0, w}, {1, w}};
  return map;
}

TEST(TinyNumbers, of_the_filter_are_not_averaged_to_an_exact_zero) {
  const PixelRule rule{PixelRule::Kind::window, Window{1, 2, 1, 1, 0, 0}};
  DoubleValues x{Tensor<double>({1, 1, 1, 2}, 0.0), Radii(Shape{1, 1, 1, 2})};
  x.mid[0] = least;
  // A quarter of the least double; a weight that is no double itself; a weight with an error.
  MpfrInterval tiny = MpfrInterval::exactly(1), rounded = MpfrInterval::exactly(0x1p-400);
  for (BigFloat* end : {&tiny.low, &tiny.high}) mpfr_mul_2si(end->get(), end->get(), -3000, MPFR_RNDN);
  mpfr_nextabove(rounded.high.get());
  for (const MpfrInterval& weight : {MpfrInterval::exactly(0.25), tiny, rounded}) {
    const DoubleValues y = DoubleField().apply(average_of_two(weight), x, rule);
    EXPECT_FALSE(sign(y, 0).is_known());
  }
  EXPECT_EQ(sign(DoubleField().apply(average_of_two(MpfrInterval::exactly(0)), x, rule), 0).value(), 0);
}

TEST(TinyNumbers, errors_of_the_filter_do_not_vanish_in_small_weights) {
  DoubleValues x{Tensor<double>({1, 1, 1, 2}, 0.0), Radii(Shape{1, 1, 1, 2})};
  x.radii.entry = x.radii.pixel = {0x1p-450, 0};
  const DoubleValues y = DoubleField().apply(average_of_two(MpfrInterval::exactly(0x1p-700)), x,
                                             {PixelRule::Kind::window, Window{1, 2, 1, 1, 0, 0}});
  EXPECT_GT(y.radii.entry[0], 0);
}

TEST(TinyNumbers, errors_times_small_weights_do_not_vanish_beside_large_ones) {
  // Channel 1 has an exact weight of 2^-190 and a small error; the weight of channel 0 is an interval, with
  // errors 2^790 times as large.
  const MpfrInterval third = divide(MpfrInterval::exactly(1), MpfrInterval::exactly(3), 300);
  const FixedValues x = entries({{0, 0}, {-1, 0x1p-450}}, 1, 0, -1000);
  EXPECT_GT(scale_channels(x, {third, MpfrInterval::exactly(0x1p-190)}, 4).radii.entry[1], 0);
}

TEST(TinyNumbers, small_errors_of_a_weight_gradient_do_not_vanish_beside_large_ones) {
  // dL/dw of a linear layer, one image: x = (2^-52, 2^-52 +- tiny), dy = (2^-416, 1 +- large).
  const LinearLayer layer = linear_layer(Tensor<double>({2, 2}, 1.0));
  FixedValues x = entries({{0, 1}, {0, 0x1p-440}}, 1, 0, -1000), dy = entries({{7, 0}, {0, 1}}, 8, 0, -10);
  x.mid.shape = dy.mid.shape = {1, 2};
  const ParameterGradient g = weight_gradient(layer, x, dy, 24);
  EXPECT_GT(g.radius_of(1), 0);  // 2^-416 times the error of x[1]
}

TEST(TinyNumbers, gradients_keep_their_relative_precision) {
  // Everything is exact but the cutting off of digits, at 2^-1000.
  FixedValues x = entries({{0, 0}}, 20, 0, 0), dy = x;
  x.mid.plane(19)[0] = dy.mid.plane(19)[0] = 1;
  x.mid.shape = dy.mid.shape = {1, 1};
  const LinearLayer layer = linear_layer(Tensor<double>({1, 1}, 1.0));
  const ParameterGradient g = weight_gradient(layer, x, dy, 20);
  EXPECT_GT(g.radius_of(0), 0);
  EXPECT_LT(log2_relative_radius(g), -900);
}

TEST(TinyNumbers, an_exact_gradient_has_no_relative_radius) {
  ParameterGradient g{FixedTensor(Shape{1}, 1, 1), {0}, 0, 1};
  EXPECT_EQ(log2_relative_radius(g), -std::numeric_limits<double>::infinity());
  g.radius = {1};
  EXPECT_EQ(log2_relative_radius(g), std::numeric_limits<double>::infinity());
  g.mid.plane(0)[0] = 1;  // 2^-52
  EXPECT_GE(log2_relative_radius(g), 52);
  EXPECT_LT(log2_relative_radius(g), 54);
}

TEST(TinyNumbers, intervals_beyond_every_exponent_have_no_bound) {
  MpfrInterval huge = MpfrInterval::exactly(1);
  mpfr_mul_2si(huge.high.get(), huge.high.get(), mpfr_exp_t{1} << 29, MPFR_RNDU);
  const FixedValues v = fixed_values({1, 2}, {huge, MpfrInterval::exactly(3)}, 2);
  EXPECT_EQ(v.radii.entry[0], no_bound);
  const MpfrInterval three = interval_of(v, 1);
  EXPECT_LE(mpfr_cmp_d(three.low.get(), 3), 0);
  EXPECT_GE(mpfr_cmp_d(three.high.get(), 3), 0);
}

}  // namespace
}  // namespace gradzone
