// CPU convolutions against the reference, bit for bit.
#include "agree/agree_support.hpp"

namespace gradzone::agree {
namespace {

template <class F>
class ConvolutionAgreement : public ::testing::Test {};
TYPED_TEST_SUITE(ConvolutionAgreement, FormatTypes, FormatName);

struct Case {
  Index images, in, out, h, w;
  Window window;
  bool bias;
};

std::ostream& operator<<(std::ostream& stream, const Case& c) {
  const Window& w = c.window;
  return stream << "x [" << c.images << ", " << c.h << ", " << c.w << ", " << c.in << "], " << c.out
                << " channels, kernel " << w.kernel_h << "x" << w.kernel_w << ", stride " << w.stride_h << "x"
                << w.stride_w << ", padding " << w.padding_h << "x" << w.padding_w
                << (c.bias ? ", bias" : "");
}

template <class F>
void expect_agreement(const Case& c, std::uint64_t seed, Mix mix, Order order = Order::chain) {
  using T = Tensor<typename F::Real>;
  SCOPED_TRACE(::testing::Message() << c << ", seed " << seed << ", mix " << static_cast<int>(mix)
                                    << ", order " << name(order));
  RandomStream random(seed, "convolution agreement");
  const Conv2d op{c.in, c.out, c.window, c.bias};
  const Shape out{c.images, c.window.out_h(c.h), c.window.out_w(c.w), c.out};
  const T x = random_tensor<F>({c.images, c.h, c.w, c.in}, random, mix);
  const T w = random_tensor<F>({c.out, c.in, c.window.kernel_h, c.window.kernel_w}, random, mix);
  const T b = random_tensor<F>({c.out}, random, mix);
  const T dy = random_tensor<F>(out, random, mix);
  const T* bias = c.bias ? &b : nullptr;

  const auto reference = make_reference_kernels<F>(order);
  T y, dx(x.shape), dw, db;
  const After after = seed % 2 == 0 ? After::nothing : After::relu;
  reference->conv2d(op, x, w, bias, after, y);
  reference->conv2d_input_gradient(op, dy, w, dx);
  reference->conv2d_weight_gradient(op, x, dy, dw, c.bias ? &db : nullptr);
  on_every_machine<F>(
      [&](const Kernels<F>& cpu) {
        T y2, dx2(x.shape), dw2, db2;
        cpu.conv2d(op, x, w, bias, after, y2);
        EXPECT_TRUE(same_bits(y, y2)) << "forward";
        cpu.conv2d_input_gradient(op, dy, w, dx2);
        EXPECT_TRUE(same_bits(dx, dx2)) << "input gradient";
        cpu.conv2d_weight_gradient(op, x, dy, dw2, c.bias ? &db2 : nullptr);
        EXPECT_TRUE(same_bits(dw, dw2)) << "weight gradient";
        EXPECT_TRUE(same_bits(db, db2)) << "bias gradient";
      },
      order);
}

TYPED_TEST(ConvolutionAgreement, holds_for_every_kernel_stride_and_padding) {
  std::uint64_t seed = 0;
  for (const Index kernel : {1, 2, 3, 5})
    for (const Index stride : {1, 2, 3})
      for (const Index padding : {0, 1, 2}) {
        const Case c{2, 3, 5, 7, 9, Window::square(kernel, stride, padding), true};
        expect_agreement<TypeParam>(c, seed, all_mixes[seed % 3]);
        ++seed;
      }
  for (const Window& window : {Window{3, 3, 2, 2, 0, 1, 1, 0}, Window{3, 2, 2, 3, 1, 1, -1, 1}})
    expect_agreement<TypeParam>({2, 3, 5, 8, 10, window, true}, ++seed, Mix::smooth);
}

TYPED_TEST(ConvolutionAgreement, holds_beyond_vector_widths) {
  std::uint64_t seed = 100;
  for (const Index in : {1, 6, 17})
    for (const Index out : {1, 3, 5, 6, 7, 16, 17, 33}) {
      expect_agreement<TypeParam>({1, in, out, 5, 6, Window::square(3, 1, 1), out % 2 == 0}, seed,
                                  all_mixes[seed % 3]);
      ++seed;
    }
  expect_agreement<TypeParam>({1, 33, 67, 4, 4, Window::square(2, 1), true}, seed, Mix::smooth);
}

TYPED_TEST(ConvolutionAgreement, holds_where_panels_are_passed_in_slices) {
  // More weights per output than a slice of a panel has, and more blocks than a chunk.
  expect_agreement<TypeParam>({7, 150, 5, 6, 5, Window::square(3, 1, 1), true}, 250, Mix::smooth);
  expect_agreement<TypeParam>({2, 5, 150, 6, 5, Window::square(3, 2, 1), false}, 251, Mix::coarse);
  expect_agreement<TypeParam>({1, 700, 3, 2, 2, Window::square(2, 1, 1), true}, 252, Mix::smooth);
}

TYPED_TEST(ConvolutionAgreement, holds_where_threads_share_the_packing_of_one_panel) {
  for (std::uint64_t seed = 260; seed < 270; ++seed) {
    expect_agreement<TypeParam>({1, 128, 20, 2, 2, Window::square(3, 1, 1), true}, seed, Mix::smooth);
    expect_agreement<TypeParam>({1, 20, 128, 2, 2, Window::square(3, 1, 1), true}, seed, Mix::smooth);
  }
}

TYPED_TEST(ConvolutionAgreement, holds_for_the_other_orders) {
  std::uint64_t seed = 270;
  for (const Order order : {Order::bias_first, Order::pairwise, Order::lanes16})
    for (const Index out : {1, 7, 17}) {
      expect_agreement<TypeParam>({3, 5, out, 6, 5, Window::square(3, 1, 1), true}, seed, Mix::smooth, order);
      expect_agreement<TypeParam>({9, 2, out, 4, 5, Window::square(2, 2), false}, seed, Mix::coarse, order);
      ++seed;
    }
  // More weights per output than a slice of a panel has.
  expect_agreement<TypeParam>({7, 150, 5, 6, 5, Window::square(3, 1, 1), true}, seed, Mix::smooth,
                              Order::bias_first);
}

TYPED_TEST(ConvolutionAgreement, holds_for_batches_around_the_group_size) {
  std::uint64_t seed = 200;
  for (const Index images : {1, 2, 31, 32, 33, 65, 97, 161}) {
    expect_agreement<TypeParam>({images, 2, 3, 5, 4, Window::square(3, 1), true}, seed, all_mixes[seed % 3]);
    ++seed;
  }
}

TYPED_TEST(ConvolutionAgreement, holds_for_random_unsymmetric_windows) {
  constexpr Index channels[] = {1, 3, 5, 6, 7, 16, 17}, kernels[] = {1, 2, 3, 5}, strides[] = {1, 2, 3},
                  paddings[] = {0, 1, 2}, images[] = {1, 2, 3, 33};
  for (std::uint64_t seed = 300; seed < 330; ++seed) {
    RandomStream random(seed, "convolution shapes");
    Case c{pick(images, random), pick(channels, random), pick(channels, random), 0, 0, {},
           random.below(2) == 0};
    c.window = {pick(kernels, random), pick(kernels, random),  pick(strides, random),
                pick(strides, random), pick(paddings, random), pick(paddings, random)};
    c.h = c.window.kernel_h + static_cast<Index>(random.below(5));
    c.w = c.window.kernel_w + static_cast<Index>(random.below(7));
    if (c.images > 3) c.in = 3;
    expect_agreement<TypeParam>(c, seed, all_mixes[seed % 3]);
  }
}

TYPED_TEST(ConvolutionAgreement, holds_where_a_window_lies_in_the_padding_alone) {
  expect_agreement<TypeParam>({2, 2, 3, 1, 2, {1, 1, 1, 1, 2, 2}, true}, 400, Mix::coarse);
  expect_agreement<TypeParam>({2, 2, 3, 2, 1, {2, 2, 2, 2, 2, 2}, false}, 401, Mix::coarse);
}

}  // namespace
}  // namespace gradzone::agree
