// Reference activations and pools on numbers that can be checked by hand: every kink, choice and form.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradzone/kernels/kernels.hpp"

namespace gradzone {
namespace {

using T = Tensor<double>;
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

const Kernels<Fp64>& kernels() {
  static const auto k = make_reference_kernels<Fp64>(Order::chain);
  return *k;
}

Choice with_beta(double beta) {
  Choice choice;
  choice.maxpool_beta = beta;
  return choice;
}

T activation(const Activation& op, const T& x) {
  T y;
  kernels().activation(op, x, y);
  return y;
}
/// The gradient of 10 flowing back.
T activation_gradient(const Activation& op, const Choice& choice, const T& x) {
  T dx;
  kernels().activation_gradient(op, choice, x, T(x.shape, 10.0), dx);
  return dx;
}

TEST(Activations, relu_has_the_chosen_derivative_at_zero) {
  const T x({5}, {-2, -0.0, 0, 0.5, 3});
  EXPECT_EQ(activation({}, x), T({5}, {0, 0, 0, 0.5, 3}));
  Choice choice;
  EXPECT_EQ(activation_gradient({}, choice, x), T({5}, {0, 0, 0, 10, 10}));
  choice.relu_at_0 = 0.5;
  EXPECT_EQ(activation_gradient({}, choice, x), T({5}, {0, 5, 5, 10, 10}));
}

TEST(Activations, relu_gives_plus_zero_below) {
  const T y = activation({}, T({2}, {-1, -0.0}));
  EXPECT_FALSE(std::signbit(y[0]));
  EXPECT_FALSE(std::signbit(y[1]));
}

TEST(Activations, leaky_relu_takes_its_own_slope_at_zero_unless_told) {
  const Activation op{Activation::Kind::leaky_relu, 0.25};
  const T x({3}, {-2, 0, 3});
  EXPECT_EQ(activation(op, x), T({3}, {-0.5, 0, 3}));
  Choice choice;
  EXPECT_EQ(activation_gradient(op, choice, x), T({3}, {2.5, 2.5, 10}));
  choice.leaky_relu_at_0 = 1;
  EXPECT_EQ(activation_gradient(op, choice, x), T({3}, {2.5, 10, 10}));
}

TEST(Activations, relu6_has_two_kinks) {
  const Activation op{Activation::Kind::relu6, 0};
  const T x({5}, {-1, 0, 2, 6, 7});
  EXPECT_EQ(activation(op, x), T({5}, {0, 0, 2, 6, 6}));
  Choice choice;
  choice.relu6_at_0 = 0.5;
  choice.relu6_at_6 = 1;
  EXPECT_EQ(activation_gradient(op, choice, x), T({5}, {0, 5, 10, 10, 0}));
}

TEST(Activations, abs_is_minus_the_identity_below_zero) {
  const Activation op{Activation::Kind::abs, 0};
  const T x({3}, {-2, 0, 3});
  EXPECT_EQ(activation(op, x), T({3}, {2, 0, 3}));
  EXPECT_EQ(activation_gradient(op, {}, x), T({3}, {-10, 0, 10}));
}

TEST(Activations, pass_a_nan_on) {
  using Kind = Activation::Kind;
  for (const Kind kind : {Kind::relu, Kind::leaky_relu, Kind::relu6, Kind::abs}) {
    EXPECT_TRUE(std::isnan(activation({kind, 0.1}, T({1}, nan_value))[0])) << static_cast<int>(kind);
  }
}

/// Max pool and its gradient in format F.
template <class F = Fp64>
auto max_pool(const Window& window, double beta, Form form, const Tensor<typename F::Real>& x,
              const Tensor<typename F::Real>& dy) {
  struct {
    Tensor<typename F::Real> y, dx;
    ArgmaxSets sets;
  } out;
  const auto k = make_reference_kernels<F>(Order::chain);
  const MaxPool2d op{window, std::nullopt};
  k->max_pool(op, with_beta(beta), form, x, out.y, out.sets);
  out.dx.shape = x.shape;
  k->max_pool_gradient(op, with_beta(beta), form, out.sets, dy, out.dx);
  return out;
}

const T tied({1, 2, 2, 1}, {3, 7, 7, 7});
const T twelve({1, 1, 1, 1}, 12);

TEST(MaxPool, gives_the_first_maximal_entry_everything_natively) {
  const auto p = max_pool(Window::square(2, 2), 0, Form::direct, tied, twelve);
  EXPECT_EQ(p.y, T({1, 1, 1, 1}, 7));
  EXPECT_EQ(p.sets, (ArgmaxSets{0, 1, 1, 1}));
  EXPECT_EQ(p.dx, T(tied.shape, {0, 12, 0, 0}));
}

TEST(MaxPool, shares_among_all_maximal_entries_minimally) {
  EXPECT_EQ(max_pool(Window::square(2, 2), 1, Form::direct, tied, twelve).dx, T(tied.shape, {0, 4, 4, 4}));
  EXPECT_EQ(max_pool(Window::square(2, 2), 1, Form::composed, tied, twelve).dx, T(tied.shape, {0, 4, 4, 4}));
}

TEST(MaxPool, mixes_the_two_in_a_hybrid) {
  // beta = 3: 3 * (1/3) = 1 each and 1 - 3 = -2 for the first.
  for (const Form form : {Form::direct, Form::composed}) {
    const auto p = max_pool(Window::square(2, 2), 3, form, tied, twelve);
    EXPECT_EQ(p.y[0], 7) << name(form);
    EXPECT_EQ(p.dx, T(tied.shape, {0, -12, 12, 12})) << name(form);
  }
}

TEST(MaxPool, of_a_pinned_layer_ignores_the_choice) {
  const MaxPool2d op{Window::square(2, 2), 0.0};
  T y, dx(tied.shape);
  ArgmaxSets sets;
  kernels().max_pool(op, with_beta(1), Form::direct, tied, y, sets);
  kernels().max_pool_gradient(op, with_beta(1), Form::direct, sets, twelve, dx);
  EXPECT_EQ(dx, T(tied.shape, {0, 12, 0, 0}));
}

TEST(MaxPool, composed_in_16_bits_overflows_where_direct_does_not) {
  // beta * m = 1000 * 100 is beyond the largest half; infinity minus infinity.
  const Tensor<float> x({1, 1, 2, 1}, {100, 50}), dy({1, 1, 1, 1}, 1);
  const Window window{1, 2, 1, 2, 0, 0};
  EXPECT_EQ(max_pool<Fp16>(window, 1000, Form::direct, x, dy).y[0], 100);
  EXPECT_TRUE(std::isnan(max_pool<Fp16>(window, 1000, Form::composed, x, dy).y[0]));
}

TEST(MaxPool, composed_rounds_each_product) {
  // 100 * m = 100.09765625 -> 100.125 and -99 * m = -99.0966796875 -> -99.125 in fp16 (grid 1/16): their sum
  // is not m.
  const float m = 1 + 0x1p-10f;
  const Tensor<float> x({1, 1, 1, 1}, m), dy({1, 1, 1, 1}, m);
  const auto p = max_pool<Fp16>(Window::square(1, 1), 100, Form::composed, x, dy);
  EXPECT_EQ(p.y[0], 1.0f);
  EXPECT_EQ(p.dx[0], 1.0f);
  EXPECT_EQ(max_pool<Fp16>(Window::square(1, 1), 100, Form::direct, x, dy).dx[0], m);
}

TEST(MaxPool, splits_inexactly_among_three_in_binary) {
  const Tensor<float> x({1, 1, 3, 1}, {5, 5, 5}), dy({1, 1, 1, 1}, 1);
  const auto p = max_pool<Bf16>({1, 3, 1, 3, 0, 0}, 1, Form::direct, x, dy);
  EXPECT_EQ(p.dx[0], 0x1.56p-2f);  // 1/3 in 8 bits
  EXPECT_EQ(p.dx[2], p.dx[0]);
}

TEST(MaxPool, adds_up_where_windows_overlap) {
  // 1x4, windows of two at stride one: the 5 wins both windows it is in.
  const T x({1, 1, 4, 1}, {1, 5, 2, 2}), dy({1, 1, 3, 1}, {1, 10, 100});
  const Window window{1, 2, 1, 1, 0, 0};
  EXPECT_EQ(max_pool(window, 0, Form::direct, x, dy).dx, T(x.shape, {0, 11, 100, 0}));
  EXPECT_EQ(max_pool(window, 1, Form::direct, x, dy).dx, T(x.shape, {0, 11, 50, 50}));
}

TEST(MaxPool, rounds_an_overlap_sum_once) {
  // Three contributions 1, 2^-11, 2^-11 meet in one entry: the fp16 accumulator keeps both, storage gets 1 +
  // 2^-10; fp16-strict rounds after each.
  const Tensor<float> x({1, 1, 3, 1}, {0, 9, 0}), dy({1, 1, 5, 1}, {0, 1, 0x1p-11f, 0x1p-11f, 0});
  const Window window{1, 3, 1, 1, 0, 2};
  EXPECT_EQ(max_pool<Fp16>(window, 0, Form::direct, x, dy).dx[1], 1 + 0x1p-10f);
  EXPECT_EQ(max_pool<Fp16Strict>(window, 0, Form::direct, x, dy).dx[1], 1);
}

TEST(MaxPool, knows_no_entries_in_the_padding) {
  const T x({1, 2, 2, 1}, {-1, -2, -3, -4}), dy({1, 2, 2, 1}, {1, 2, 3, 4});
  const auto p = max_pool(Window::square(2, 2, 1), 1, Form::direct, x, dy);
  EXPECT_EQ(p.y, T({1, 2, 2, 1}, {-1, -2, -3, -4}));  // negative maxima: padding is not a zero
  EXPECT_EQ(p.sets, (ArgmaxSets{0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(p.dx, T(x.shape, {1, 2, 3, 4}));
}

TEST(MaxPool, treats_zeros_of_both_signs_as_a_tie) {
  const T x({1, 1, 2, 1}, {-0.0, 0.0}), dy({1, 1, 1, 1}, 2);
  const auto p = max_pool({1, 2, 1, 2, 0, 0}, 1, Form::direct, x, dy);
  EXPECT_TRUE(std::signbit(p.y[0]));  // the first maximal entry
  EXPECT_EQ(p.dx, T(x.shape, {1, 1}));
}

TEST(MaxPool, takes_the_first_nan_alone) {
  const T x({1, 1, 4, 1}, {8, nan_value, 9, nan_value}), dy({1, 1, 1, 1}, 2);
  const auto p = max_pool({1, 4, 1, 4, 0, 0}, 1, Form::direct, x, dy);
  EXPECT_TRUE(std::isnan(p.y[0]));
  EXPECT_EQ(p.sets, (ArgmaxSets{0, 1, 0, 0}));
  EXPECT_EQ(p.dx, T(x.shape, {0, 2, 0, 0}));
}

TEST(AvgPool, counts_padding_as_zeros) {
  const T x({1, 2, 2, 1}, {4, 8, 12, 16}), dy({1, 2, 2, 1}, {4, 8, 12, 16});
  T y, dx(x.shape);
  kernels().avg_pool(Window::square(2, 2), x, y);
  EXPECT_EQ(y, T({1, 1, 1, 1}, 10));
  kernels().avg_pool(Window::square(2, 2, 1), x, y);
  EXPECT_EQ(y, T({1, 2, 2, 1}, {1, 2, 3, 4}));
  kernels().avg_pool_gradient(Window::square(2, 2, 1), dy, dx);
  EXPECT_EQ(dx, T(x.shape, {1, 2, 3, 4}));
}

TEST(AvgPool, adds_up_where_windows_overlap) {
  const T x({1, 1, 3, 1}, {0, 0, 0}), dy({1, 1, 2, 1}, {2, 4});
  T dx(x.shape);
  kernels().avg_pool_gradient({1, 2, 1, 1, 0, 0}, dy, dx);
  EXPECT_EQ(dx, T(x.shape, {1, 3, 2}));
}

TEST(NormPool, is_the_euclidean_norm) {
  const T x({1, 1, 2, 1}, {3, -4}), dy({1, 1, 1, 1}, 10);
  const Window window{1, 2, 1, 2, 0, 0};
  T y, dx(x.shape);
  kernels().norm_pool(window, x, y);
  EXPECT_EQ(y, T({1, 1, 1, 1}, 5));
  kernels().norm_pool_gradient(window, {}, x, dy, dx);
  EXPECT_DOUBLE_EQ(dx[0], 6);
  EXPECT_DOUBLE_EQ(dx[1], -8);
}

TEST(NormPool, has_the_chosen_derivative_at_a_zero_window) {
  const T x({1, 1, 2, 1}, {0, -0.0}), dy({1, 1, 1, 1}, 10);
  const Window window{1, 2, 1, 2, 0, 0};
  T dx(x.shape);
  Choice choice;
  kernels().norm_pool_gradient(window, choice, x, dy, dx);
  EXPECT_EQ(dx, T(x.shape, {0, 0}));
  choice.normpool_at_0 = 1;
  kernels().norm_pool_gradient(window, choice, x, dy, dx);
  EXPECT_EQ(dx, T(x.shape, {10, 10}));
}

}  // namespace
}  // namespace gradzone
