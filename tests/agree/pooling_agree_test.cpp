// CPU activations and max pools against the reference, bit for bit.
#include "agree/agree_support.hpp"

namespace gradzone::agree {
namespace {

template <class F>
class ActivationAgreement : public ::testing::Test {};
TYPED_TEST_SUITE(ActivationAgreement, FormatTypes, FormatName);

TYPED_TEST(ActivationAgreement, holds_for_every_kind_and_length) {
  using F = TypeParam;
  using T = Tensor<typename F::Real>;
  const auto reference = make_reference_kernels<F>(Order::chain);
  Choice choice;
  choice.relu_at_0 = 0.3;
  choice.leaky_relu_at_0 = 0.5;
  choice.relu6_at_0 = 1;
  choice.relu6_at_6 = 0.7;
  std::uint64_t seed = 0;
  using Kind = Activation::Kind;
  for (const Kind kind : {Kind::relu, Kind::leaky_relu, Kind::relu6, Kind::abs})
    for (const Index size : {1, 2, 3, 7, 8, 9, 17, 1000, 40001}) {
      const Mix mix = all_mixes[seed % 3];
      SCOPED_TRACE(::testing::Message()
                   << "kind " << static_cast<int>(kind) << ", size " << size << ", seed " << seed);
      RandomStream random(seed++, "activation agreement");
      T x = random_tensor<F>({size}, random, mix);
      const T dy = random_tensor<F>({size}, random, mix);
      if (mix == Mix::coarse) {
        for (auto& value : x.data) value *= 6;  // -6 ... 6: on and beyond the second kink of relu6
      }
      const Activation op{kind, 0.01};
      T y, dx;
      reference->activation(op, x, y);
      reference->activation_gradient(op, choice, x, dy, dx);
      on_every_machine<F>([&](const Kernels<F>& cpu) {
        T y2, dx2, in_place = dy;
        cpu.activation(op, x, y2);
        EXPECT_TRUE(same_bits(y, y2)) << "forward";
        cpu.activation_gradient(op, choice, x, dy, dx2);
        EXPECT_TRUE(same_bits(dx, dx2)) << "gradient";
        cpu.activation_gradient(op, choice, x, in_place, in_place);
        EXPECT_TRUE(same_bits(dx, in_place)) << "gradient in place";
      });
    }
}

template <class F>
class MaxPoolAgreement : public ::testing::Test {};
TYPED_TEST_SUITE(MaxPoolAgreement, FormatTypes, FormatName);

template <class F>
void expect_agreement(const Window& window, const Shape& shape, const Choice& choice, Form form,
                      std::uint64_t seed, Mix mix) {
  using T = Tensor<typename F::Real>;
  SCOPED_TRACE(::testing::Message() << "x " << to_string(shape) << ", kernel " << window.kernel_h << "x"
                                    << window.kernel_w << ", stride " << window.stride_h << ", padding "
                                    << window.padding_h << ", " << choice.name() << ", " << name(form)
                                    << ", seed " << seed);
  RandomStream random(seed, "max pool agreement");
  const MaxPool2d op{window, std::nullopt};
  const T x = random_tensor<F>(shape, random, mix);
  const T dy = random_tensor<F>({shape[0], window.out_h(shape[1]), window.out_w(shape[2]), shape[3]}, random,
                                Mix::extreme);
  const auto reference = make_reference_kernels<F>(Order::chain);
  T y, dx(shape);
  ArgmaxSets sets;
  reference->max_pool(op, choice, form, x, y, sets);
  reference->max_pool_gradient(op, choice, form, sets, dy, dx);
  on_every_machine<F>([&](const Kernels<F>& cpu) {
    T y2, dx2(shape);
    ArgmaxSets sets2;
    cpu.max_pool(op, choice, form, x, y2, sets2);
    EXPECT_TRUE(same_bits(y, y2)) << "forward";
    EXPECT_EQ(sets, sets2);
    cpu.max_pool_gradient(op, choice, form, sets, dy, dx2);
    EXPECT_TRUE(same_bits(dx, dx2)) << "gradient";
  });
}

TYPED_TEST(MaxPoolAgreement, holds_for_every_kernel_stride_padding_choice_and_form) {
  std::uint64_t seed = 0;
  for (const Index kernel : {1, 2, 3, 5})
    for (const Index stride : {1, 2, 3})
      for (const Index padding : {0, 1, 2})
        for (const double beta : {0.0, 1.0, 1000.0})
          for (const Form form : {Form::direct, Form::composed}) {
            Choice choice;
            choice.maxpool_beta = beta;
            expect_agreement<TypeParam>(Window::square(kernel, stride, padding), {2, 7, 6, 2}, choice, form,
                                        seed, all_mixes[seed % 3]);
            ++seed;
          }
}

TYPED_TEST(MaxPoolAgreement, holds_for_unsymmetric_windows_and_many_planes) {
  Choice minimal;
  minimal.maxpool_beta = 1;
  expect_agreement<TypeParam>({2, 3, 1, 2, 1, 0}, {33, 8, 9, 17}, minimal, Form::direct, 500, Mix::coarse);
  expect_agreement<TypeParam>({3, 2, 2, 1, 0, 1}, {65, 9, 8, 6}, minimal, Form::composed, 501, Mix::extreme);
}

TYPED_TEST(MaxPoolAgreement, holds_for_windows_that_hang_over_the_end) {
  Choice minimal;
  minimal.maxpool_beta = 1;
  std::uint64_t seed = 600;
  for (const Window& window : {Window{3, 3, 2, 2, 0, 0, 1, 1}, Window{2, 2, 2, 2, 0, 0, 1, 1},
                               Window{3, 3, 2, 2, 1, 1, -1, -1}, Window{2, 2, 2, 2, 0, 0, 0, 1}})
    for (const Index channels : {3, 16, 33})
      expect_agreement<TypeParam>(window, {3, 8, 7, channels}, minimal, Form::direct, seed++, Mix::coarse);
}

TYPED_TEST(MaxPoolAgreement, holds_for_the_usual_windows_and_any_number_of_channels) {
  std::uint64_t seed = 1000;
  for (const Index channels : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 21, 24, 27, 31, 32, 33, 64})
    for (const double beta : {0.0, 1.0, 1000.0})
      for (const Form form : {Form::direct, Form::composed}) {
        Choice choice;
        choice.maxpool_beta = beta;
        const Index h = 4 + static_cast<Index>(seed % 3), w = 4 + static_cast<Index>(seed / 3 % 3);
        expect_agreement<TypeParam>(Window::square(2, 2), {3, h, w, channels}, choice, form, seed,
                                    all_mixes[seed % 3]);
        ++seed;
      }
}

template <class F>
class SmoothPoolAgreement : public ::testing::Test {};
TYPED_TEST_SUITE(SmoothPoolAgreement, FormatTypes, FormatName);

TYPED_TEST(SmoothPoolAgreement, holds_for_every_kernel_stride_and_padding) {
  using F = TypeParam;
  using T = Tensor<typename F::Real>;
  const auto reference = make_reference_kernels<F>(Order::chain);
  std::uint64_t seed = 0;
  for (const Window& window : {Window::square(1, 1), Window::square(2, 2), Window::square(3, 2, 1),
                               Window::square(3, 1, 2), Window{2, 3, 1, 2, 1, 0}, Window{7, 6, 7, 6, 0, 0},
                               Window{2, 2, 2, 2, 0, 0, 1, 1}, Window{3, 3, 2, 2, 1, 1, -1, 1}})
    for (const Index channels : {1, 6, 19})
      for (const Mix mix : all_mixes) {
        SCOPED_TRACE(::testing::Message() << "kernel " << window.kernel_h << "x" << window.kernel_w << ", "
                                          << channels << " channels, seed " << seed);
        RandomStream random(seed++, "smooth pool agreement");
        T x = random_tensor<F>({3, 7, 6, channels}, random, mix);
        for (Index i = 0; i < x.size() / 3; ++i) x[i] = 0;  // an image of zeros: the norm's kink
        const T dy = random_tensor<F>({3, window.out_h(7), window.out_w(6), channels}, random, mix);
        Choice choice;
        choice.normpool_at_0 = static_cast<double>(seed % 3) / 2;
        T average, norm, average_dx(x.shape), norm_dx(x.shape);
        reference->avg_pool(window, x, average);
        reference->avg_pool_gradient(window, dy, average_dx);
        reference->norm_pool(window, x, norm);
        reference->norm_pool_gradient(window, choice, x, dy, norm_dx);
        on_every_machine<F>([&](const Kernels<F>& cpu) {
          T y, dx(x.shape);
          cpu.avg_pool(window, x, y);
          EXPECT_TRUE(same_bits(average, y)) << "average";
          cpu.avg_pool_gradient(window, dy, dx);
          EXPECT_TRUE(same_bits(average_dx, dx)) << "gradient of the average";
          cpu.norm_pool(window, x, y);
          EXPECT_TRUE(same_bits(norm, y)) << "norm";
          cpu.norm_pool_gradient(window, choice, x, dy, dx);
          EXPECT_TRUE(same_bits(norm_dx, dx)) << "gradient of the norm";
        });
      }
}

}  // namespace
}  // namespace gradzone::agree
