// Reference convolution, linear layer, batch normalisation and loss on numbers that can be checked by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradzone/base/random.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {
namespace {

using T = Tensor<double>;

const Kernels<Fp64>& kernels() {
  static const auto k = make_reference_kernels<Fp64>(Order::chain);
  return *k;
}

TEST(Convolution, slides_its_window) {
  const T x({1, 3, 3, 1}, {1, 2, 3,  //
                           4, 5, 6,  //
                           7, 8, 9});
  const T w({1, 1, 2, 2}, {1, 10, 100, 1000});
  const T b({1}, 0.5);
  const Conv2d op{1, 1, Window::square(2, 1), true};
  T y;
  kernels().conv2d(op, x, w, &b, After::nothing, y);
  EXPECT_EQ(y, T({1, 2, 2, 1}, {5421.5, 6532.5, 8754.5, 9865.5}));

  const T dy({1, 2, 2, 1}, {1, 0, 0, 2});
  T dx, dw, db;
  dx.shape = x.shape;
  kernels().conv2d_input_gradient(op, dy, w, dx);
  EXPECT_EQ(dx, T(x.shape, {1, 10, 0,       //
                            100, 1002, 20,  //
                            0, 200, 2000}));
  kernels().conv2d_weight_gradient(op, x, dy, dw, &db);
  EXPECT_EQ(dw, T(w.shape, {1 + 2 * 5, 2 + 2 * 6, 4 + 2 * 8, 5 + 2 * 9}));
  EXPECT_EQ(db, T({1}, 3));
}

TEST(Convolution, skips_what_lies_in_the_padding) {
  const T x({1, 2, 2, 1}, {1, 2, 3, 4});
  const T w({1, 1, 3, 3}, {1, 2, 3,  //
                           4, 5, 6,  //
                           7, 8, 9});
  const Conv2d op{1, 1, Window::square(3, 2, 1), false};
  T y;
  kernels().conv2d(op, x, w, nullptr, After::nothing, y);  // one output: the lower right 2x2 of w
  EXPECT_EQ(y, T({1, 1, 1, 1}, 5 * 1 + 6 * 2 + 8 * 3 + 9 * 4));
  const T dy({1, 1, 1, 1}, 2);
  T dx, dw;
  dx.shape = x.shape;
  kernels().conv2d_input_gradient(op, dy, w, dx);
  EXPECT_EQ(dx, T(x.shape, {10, 12, 16, 18}));
  kernels().conv2d_weight_gradient(op, x, dy, dw, nullptr);
  EXPECT_EQ(dw, T(w.shape, {0, 0, 0, 0, 2, 4, 0, 6, 8}));
}

TEST(Convolution, does_not_multiply_padding_by_an_infinite_weight) {
  const double inf = std::numeric_limits<double>::infinity();
  const T x({1, 1, 1, 1}, 2);
  const T w({1, 1, 3, 1}, {inf, 3, inf});
  T y;
  kernels().conv2d({1, 1, {3, 1, 1, 1, 1, 0}, false}, x, w, nullptr, After::nothing, y);
  EXPECT_EQ(y[0], 6);
}

TEST(Convolution, sums_over_input_channels_and_has_one_bias_per_output_channel) {
  const T x({1, 1, 2, 2}, {1, 30, 2, 40});
  const T w({2, 2, 1, 1}, {1, 1, 1, -1});
  const T b({2}, {0.25, 0.5});
  T y;
  kernels().conv2d({2, 2, Window::square(1, 1), true}, x, w, &b, After::nothing, y);
  EXPECT_EQ(y, T({1, 1, 2, 2}, {31.25, -28.5, 42.25, -37.5}));
}

TEST(Convolution, adds_channels_innermost_and_the_bias_last) {
  // fp32 loses a 1 that meets 2^24. Order of the chain: (position 0: channels 0, 1), (position 1: channels 0,
  // 1).
  const float big = 0x1p24f;
  const Tensor<float> x({1, 1, 2, 2}, {big, 1, -big, 1}), w({1, 2, 1, 2}, 1.0f), b({1}, 1.0f);
  Tensor<float> y;
  // big + 1 (channel 1 of position 0, lost) - big + 1 = 1; channel-first order would give 2. The bias makes
  // it 2.
  make_reference_kernels<Fp32>(Order::chain)
      ->conv2d({2, 1, {1, 2, 1, 1, 0, 0}, true}, x, w, &b, After::nothing, y);
  EXPECT_EQ(y[0], 2);
}

TEST(LinearLayer, is_a_dot_product_per_output) {
  const T x({2, 3}, {1, 2, 3, 4, 5, 6}), w({2, 3}, {1, 0, -1, 2, 2, 2}), b({2}, {10, 20});
  const Linear op{3, 2, true};
  T y, dx, dw, db;
  kernels().linear(op, x, w, &b, After::nothing, y);
  EXPECT_EQ(y, T({2, 2}, {8, 32, 8, 50}));
  const T dy({2, 2}, {1, 0, 2, 1});
  kernels().linear_input_gradient(op, dy, w, dx);
  EXPECT_EQ(dx, T({2, 3}, {1, 0, -1, 4, 2, 0}));
  kernels().linear_weight_gradient(op, x, dy, dw, &db);
  EXPECT_EQ(dw, T({2, 3}, {9, 12, 15, 4, 5, 6}));
  EXPECT_EQ(db, T({2}, {3, 1}));
}

TEST(LinearLayer, rounds_to_storage_once) {
  // 1 + 2^-12 + 2^-12 + 2^-12 in fp16: the accumulator keeps 3 * 2^-12, storage rounds it up to 2^-10.
  const Tensor<float> x({1, 4}, {1, 0x1p-12f, 0x1p-12f, 0x1p-12f}), w({1, 4}, 1.0f);
  Tensor<float> y;
  make_reference_kernels<Fp16>(Order::chain)->linear({4, 1, false}, x, w, nullptr, After::nothing, y);
  EXPECT_EQ(y[0], 1 + 0x1p-10f);
  make_reference_kernels<Fp16Strict>(Order::chain)->linear({4, 1, false}, x, w, nullptr, After::nothing, y);
  EXPECT_EQ(y[0], 1);
}

TEST(Addition, adds_and_subtracts) {
  const T a({1, 2}, {1, 2}), b({1, 2}, {0.5, 5});
  T y;
  kernels().add({false}, a, b, y);
  EXPECT_EQ(y, T({1, 2}, {1.5, 7}));
  kernels().add({true}, a, b, y);
  EXPECT_EQ(y, T({1, 2}, {0.5, -3}));
}

/// A small batch-norm problem and its plain double formulas.
struct BatchNormCase {
  Index images = 3, channels = 2, area = 4;
  T x, dy, weight{{2}, {1.5, -0.5}}, bias{{2}, {0.25, 3}}, mean{{2}, {0.1, -0.2}}, var{{2}, {0.5, 2}};

  BatchNormCase() {
    RandomStream random(7, "batch norm");
    x = T({images, 2, 2, channels});
    dy = T(x.shape);
    for (Index i = 0; i < x.size(); ++i) {
      x[i] = random.uniform(-1, 2);
      dy[i] = random.uniform(-1, 1);
    }
  }
  /// Mean of f(index) over (image, row, column) of a channel.
  template <class F>
  double channel_mean(Index c, const F& f) const {
    double sum = 0;
    for (Index n = 0; n < images; ++n)
      for (Index i = 0; i < area; ++i) sum += f((n * area + i) * channels + c);
    return sum / static_cast<double>(images * area);
  }
};

TEST(BatchNormalisation, uses_running_statistics_in_evaluation) {
  const BatchNormCase s;
  T y, dx, dw, db;
  BatchNormState<double> state;
  const BatchNorm op{2, 0.125, BatchNorm::Mode::evaluation};
  kernels().batch_norm(op, s.x, s.weight, s.bias, s.mean, s.var, y, state);
  kernels().batch_norm_gradient(op, s.x, s.weight, state, s.dy, dx, dw, db);
  for (Index i = 0; i < s.x.size(); ++i) {
    const Index c = i % s.channels;
    const double scale = s.weight[c] / std::sqrt(s.var[c] + 0.125);
    EXPECT_NEAR(y[i], (s.x[i] - s.mean[c]) * scale + s.bias[c], 1e-15);
    EXPECT_NEAR(dx[i], s.dy[i] * scale, 1e-15);
  }
  for (Index c = 0; c < 2; ++c) {
    EXPECT_NEAR(db[c], 12 * s.channel_mean(c, [&](Index i) { return s.dy[i]; }), 1e-14);
  }
}

TEST(BatchNormalisation, uses_the_batch_in_training) {
  const BatchNormCase s;
  T y, dx, dw, db;
  BatchNormState<double> state;
  const BatchNorm op{2, 0.125, BatchNorm::Mode::training};
  kernels().batch_norm(op, s.x, s.weight, s.bias, s.mean, s.var, y, state);
  kernels().batch_norm_gradient(op, s.x, s.weight, state, s.dy, dx, dw, db);
  for (Index c = 0; c < 2; ++c) {
    const double mean = s.channel_mean(c, [&](Index i) { return s.x[i]; });
    const double var = s.channel_mean(c, [&](Index i) { return (s.x[i] - mean) * (s.x[i] - mean); });
    const double inverse = 1 / std::sqrt(var + 0.125);
    const auto normalised = [&](Index i) { return (s.x[i] - mean) * inverse; };
    const double mean_g = s.channel_mean(c, [&](Index i) { return s.dy[i]; });
    const double mean_gx = s.channel_mean(c, [&](Index i) { return s.dy[i] * normalised(i); });
    EXPECT_NEAR(state.mean[static_cast<std::size_t>(c)], mean, 1e-15);
    EXPECT_NEAR(state.inverse_deviation[static_cast<std::size_t>(c)], inverse, 1e-15);
    EXPECT_NEAR(db[c], 12 * mean_g, 1e-14);
    EXPECT_NEAR(dw[c], 12 * mean_gx, 1e-14);
    for (Index n = 0; n < s.images; ++n)
      for (Index k = 0; k < s.area; ++k) {
        const Index i = (n * s.area + k) * s.channels + c;
        EXPECT_NEAR(y[i], s.weight[c] * normalised(i) + s.bias[c], 1e-14);
        EXPECT_NEAR(dx[i], s.weight[c] * inverse * (s.dy[i] - mean_g - normalised(i) * mean_gx), 1e-14);
      }
  }
}

double cross_entropy(const T& logits, const std::vector<int>& labels, T* dz) {
  T loss;
  kernels().cross_entropy(logits, labels, loss, dz);
  EXPECT_EQ(loss.shape, Shape{1});
  return loss[0];
}

TEST(CrossEntropy, is_the_mean_of_minus_log_probabilities) {
  const double l2 = std::log(2.0), l3 = std::log(3.0);
  const T logits({2, 3}, {0, l2, l3, 5, 5, 5});  // probabilities 1/6, 2/6, 3/6 and thirds
  T dz;
  const double loss = cross_entropy(logits, {1, 0}, &dz);
  EXPECT_NEAR(loss, (std::log(3.0) + std::log(3.0)) / 2, 1e-15);
  const double expected[] = {1.0 / 12, (2.0 / 6 - 1) / 2, 3.0 / 12, (1.0 / 3 - 1) / 2, 1.0 / 6, 1.0 / 6};
  for (Index i = 0; i < 6; ++i) EXPECT_NEAR(dz[i], expected[i], 1e-15);
  EXPECT_EQ(cross_entropy(logits, {1, 0}, nullptr), loss);
}

TEST(CrossEntropy, survives_large_logits) {
  const T logits({1, 2}, {1000, -1000});
  T dz;
  EXPECT_EQ(cross_entropy(logits, {0}, &dz), 0);
  EXPECT_EQ(dz, T({1, 2}, {0, 0}));
  EXPECT_EQ(cross_entropy(logits, {1}, &dz), 2000);
  EXPECT_EQ(dz, T({1, 2}, {1, -1}));
}

TEST(CrossEntropy, of_a_nan_is_a_nan) {
  const T logits({1, 2}, {std::nan(""), 1});
  T dz;
  EXPECT_TRUE(std::isnan(cross_entropy(logits, {1}, &dz)));
  EXPECT_TRUE(std::isnan(dz[0]));
}

}  // namespace
}  // namespace gradzone
