// What the device's kernels have of their own: tiles, and operations that only move numbers.
#include "agree/agree_support.hpp"
#include "gradzone/kernels/cuda/bodies/tree.hpp"
#include "gradzone/kernels/cuda/divisor.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"
#include "gradzone/kernels/reference/sum.hpp"

namespace gradzone::agree {
namespace {

template <class F>
class DeviceAgreement : public ::testing::Test {};
TYPED_TEST_SUITE(DeviceAgreement, FormatTypes, FormatName);

/// A convolution of images x in x h x w, run on a host with so many multiprocessors, and on the card.
template <class F>
void expect_agreement(Index images, Index in, Index out, Index size, const Window& window,
                      int multiprocessors, std::uint64_t seed) {
  using T = Tensor<typename F::Real>;
  SCOPED_TRACE(::testing::Message() << images << " images, " << in << " to " << out << " channels, " << size
                                    << "x" << size << ", " << multiprocessors << " multiprocessors, seed "
                                    << seed);
  RandomStream random(seed, "tiles");
  const Mix mix = all_mixes[seed % 3];
  const Conv2d op{in, out, window, true};
  const T x = random_tensor<F>({images, size, size, in}, random, mix);
  const T w = random_tensor<F>({out, in, window.kernel_h, window.kernel_w}, random, mix);
  const T b = random_tensor<F>({out}, random, mix);
  const T dy = random_tensor<F>({images, window.out_h(size), window.out_w(size), out}, random, mix);
  // The CPU kernels agree with the reference, and are faster.
  const auto expected = make_cpu_kernels<F>(Order::chain);
  T y, dx(x.shape), dw, db;
  expected->conv2d(op, x, w, &b, After::nothing, y);
  expected->conv2d_input_gradient(op, dy, w, dx);
  expected->conv2d_weight_gradient(op, x, dy, dw, &db);
  HostDevice host;
  host.pretend_multiprocessors(multiprocessors);
  const auto compare = [&](Device& device) {
    const DeviceAdaptor<F> kernels(device);
    T y2, dx2(x.shape), dw2, db2;
    kernels.conv2d(op, x, w, &b, After::nothing, y2);
    kernels.conv2d_input_gradient(op, dy, w, dx2);
    kernels.conv2d_weight_gradient(op, x, dy, dw2, &db2);
    EXPECT_TRUE(same_bits(y, y2)) << "forward";
    EXPECT_TRUE(same_bits(dx, dx2)) << "input gradient";
    EXPECT_TRUE(same_bits(dw, dw2)) << "weight gradient";
    EXPECT_TRUE(same_bits(db, db2)) << "bias gradient";
  };
  compare(host);
  if (card() != nullptr) compare(*card());
}

TYPED_TEST(DeviceAgreement, holds_in_every_tile) {
  const Window wide = Window::square(3, 1, 1), strided = Window::square(3, 2, 1), point;
  std::uint64_t seed = 0;
  // One multiprocessor: tiles that waste least. Many: tiles that keep all of them busy.
  for (const int multiprocessors : {1, 200})
    for (const Index images : {64, 123, 128}) {
      expect_agreement<TypeParam>(images, 8, 128, 2, strided, multiprocessors, seed++);
      expect_agreement<TypeParam>(images, 126, 61, 1, point, multiprocessors, seed++);
      expect_agreement<TypeParam>(images, 20, 64, 2, wide, multiprocessors, seed++);
    }
}

TYPED_TEST(DeviceAgreement, holds_for_few_input_channels) {
  std::uint64_t seed = 100;
  for (const Index in : {1, 3, 4})
    for (const Index out : {6, 40}) {
      expect_agreement<TypeParam>(3, in, out, 7, Window::square(5, 1), 132, seed++);
      expect_agreement<TypeParam>(35, in, out, 5, Window::square(3, 1, 1), 132, seed++);
      expect_agreement<TypeParam>(33, in, out, 6, Window::square(3, 2, 1), 132, seed++);
    }
}

TYPED_TEST(DeviceAgreement, holds_for_what_moves_numbers) {
  using F = TypeParam;
  using T = Tensor<typename F::Real>;
  RandomStream random(7, "moves");
  const auto reference = make_reference_kernels<F>(Order::chain);
  const T a = random_tensor<F>({3, 4, 5, 6}, random, Mix::extreme);
  const T b = random_tensor<F>({3, 4, 5, 7}, random, Mix::extreme);
  T sums = a;
  for (auto& v : sums.data) v *= typename F::Real(1.0009765);  // accumulator values
  T joined({3, 4, 5, 13}), part(b.shape), flat, back(a.shape), negated, rounded = sums;
  reference->concatenate({&a, &b}, joined);
  reference->concatenate_gradient(joined, 6, part);
  reference->flatten(a, flat);
  reference->flatten_gradient(flat, back);
  reference->negate(a, negated);
  reference->round(rounded);
  EXPECT_TRUE(same_bits(b, part));
  EXPECT_TRUE(same_bits(a, back));
  on_every_machine<F>([&](const Kernels<F>& kernels) {
    T joined2(joined.shape), part2(b.shape), flat2, back2(a.shape), negated2, rounded2 = sums;
    kernels.concatenate({&a, &b}, joined2);
    kernels.concatenate_gradient(joined, 6, part2);
    kernels.flatten(a, flat2);
    kernels.flatten_gradient(flat, back2);
    kernels.negate(a, negated2);
    kernels.round(rounded2);
    EXPECT_TRUE(same_bits(joined, joined2));
    EXPECT_TRUE(same_bits(part, part2));
    EXPECT_TRUE(same_bits(flat, flat2));
    EXPECT_TRUE(same_bits(back, back2));
    EXPECT_TRUE(same_bits(negated, negated2));
    EXPECT_TRUE(same_bits(rounded, rounded2));
  });
}

TYPED_TEST(DeviceAgreement, holds_for_losses) {
  using F = TypeParam;
  using T = Tensor<typename F::Real>;
  RandomStream random(8, "losses");
  const auto reference = make_reference_kernels<F>(Order::chain);
  const T z = random_tensor<F>({35, 10}, random, Mix::smooth);
  std::vector<int> labels;
  for (int n = 0; n < 35; ++n) labels.push_back(static_cast<int>(random.below(10)));
  T loss, dz, sum, ones;
  reference->cross_entropy(z, labels, loss, &dz);
  reference->output_sum(z, sum, &ones);
  on_every_machine<F>([&](const Kernels<F>& kernels) {
    T loss2, dz2, sum2, ones2;
    kernels.cross_entropy(z, labels, loss2, &dz2);
    kernels.output_sum(z, sum2, &ones2);
    EXPECT_TRUE(same_bits(loss, loss2));
    EXPECT_TRUE(same_bits(sum, sum2));
    EXPECT_TRUE(same_bits(dz, dz2));
    EXPECT_TRUE(same_bits(ones, ones2));
  });
}

TEST(DeviceTree, is_the_reference_tree_for_every_number_of_groups) {
  RandomStream random(9, "trees");
  for (std::size_t count = 0; count < 70; ++count) {
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(random_value<Fp32>(random, Mix::smooth));
    EXPECT_EQ(bits_of(reference::tree_sum<Fp32>(values)),
              bits_of(device::tree_sum<Fp32>(values.data(), 1, static_cast<Index>(count))))
        << count;
  }
}

TEST(Divisor, divides_every_31_bit_number) {
  RandomStream random(10, "divisors");
  constexpr int largest = std::numeric_limits<std::int32_t>::max();
  for (int i = 0; i < 20000; ++i) {
    const int shift = static_cast<int>(random.below(31));
    const int d = std::max(1, static_cast<int>(random.below(std::uint64_t{1} << 31) >> shift));
    const device::Divisor divisor(d);
    for (const int n :
         {0, 1, d - 1, d, static_cast<int>(random.below(std::uint64_t{1} << 31)), largest - 1, largest}) {
      ASSERT_EQ(n / d, divisor.quotient(n)) << n << " / " << d;
      int quotient = n;
      ASSERT_EQ(n % d, divisor.split(quotient));
      ASSERT_EQ(n / d, quotient);
    }
  }
}

}  // namespace
}  // namespace gradzone::agree
