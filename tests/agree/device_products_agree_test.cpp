// Products of digits and of residues on a device against the same on the CPU: equal digits, exponents, error
// bounds, residues, and verdicts.
#include <algorithm>
#include <vector>

#include "../support/fixed_numbers.hpp"
#include "device_adaptor.hpp"
#include "gradzone/exact/fast/device_products.hpp"
#include "gradzone/exact/fast/fast_evaluator.hpp"
#include "gradzone/exact/fast/residue_products.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone::agree {
namespace {

using support::Mix;

/// Calls body(products) for the host as a device, and for a card if there is one; every product is taken.
template <class Body>
void on_all_products(const Body& body) {
  const auto run = [&](std::unique_ptr<Device> device) {
    SCOPED_TRACE(::testing::Message() << "device " << device->name());
    body(std::make_shared<DeviceProducts>(std::move(device), 0));
  };
  run(make_host_device());
  if (card() != nullptr) run(make_cuda_device());
}

struct DigitCase {
  Conv2d op;
  Index images, h, w;
  int x_limbs, w_limbs, limbs;
};

Index between(RandomStream& random, Index low, Index high) {
  return low + static_cast<Index>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

/// Odd sizes, unequal strides and paddings, trailing ones too.
DigitCase random_case(RandomStream& random) {
  const auto draw = [&](Index low, Index high) { return between(random, low, high); };
  const Window window{draw(1, 4), draw(1, 4), draw(1, 3), draw(1, 3),
                      draw(0, 2), draw(0, 2), draw(0, 2), draw(0, 2)};
  const auto limbs = [&] { return static_cast<int>(draw(1, 6)); };
  return {{draw(1, 9), draw(1, 70), window, false},
          draw(1, 3),
          draw(4, 9),
          draw(4, 9),
          limbs(),
          limbs(),
          limbs()};
}

void expect_equal(const FixedSums& expected, const FixedSums& actual) {
  EXPECT_EQ(expected.shape, actual.shape);
  EXPECT_EQ(expected.exponent, actual.exponent);
  EXPECT_EQ(expected.error, actual.error);
  EXPECT_EQ(expected.balanced, actual.balanced);
  EXPECT_TRUE(expected.digits == actual.digits);
}

/// `fill`: a digit to take everywhere, or 0.
void expect_same_products(const DigitCase& c, const std::shared_ptr<DeviceProducts>& device, Mix mix,
                          RandomStream& random, std::int64_t fill = 0) {
  const Window& v = c.op.window;
  SCOPED_TRACE(::testing::Message() << c.images << "x" << c.op.in_channels << "x" << c.h << "x" << c.w
                                    << " to " << c.op.out_channels << ", kernel " << v.kernel_h << "x"
                                    << v.kernel_w << ", stride " << v.stride_h << "x" << v.stride_w
                                    << ", limbs " << c.x_limbs << " " << c.w_limbs << " " << c.limbs
                                    << ", mix " << static_cast<int>(mix));
  const Shape x_shape{c.images, c.op.in_channels, c.h, c.w};
  const Shape y_shape{c.images, c.op.out_channels, v.out_h(c.h), v.out_w(c.w)};
  FixedTensor x = support::random_fixed(x_shape, c.x_limbs, c.images, random, mix);
  FixedTensor dy = support::random_fixed(y_shape, c.x_limbs, c.images, random, mix);
  FixedTensor w = support::random_fixed({c.op.out_channels, c.op.in_channels, v.kernel_h, v.kernel_w},
                                        c.w_limbs, 1, random, mix);
  for (FixedTensor* t : {&x, &dy, &w}) {
    if (fill != 0) std::fill(t->digits.begin(), t->digits.end(), fill);
  }
  w.exponent = {static_cast<int>(random.below(2001)) - 1000};
  for (std::size_t n = 0; n < x.exponent.size(); ++n) {
    x.exponent[n] = static_cast<int>(random.below(100));
    dy.exponent[n] = static_cast<int>(random.below(100));  // images are aligned where these differ
  }
  WeightPacks packs(device);
  for (int time = 0; time < 2; ++time) {  // the kept weight, too
    expect_equal(fixed_convolve(c.op, x, w, c.limbs), fixed_convolve(c.op, x, w, c.limbs, &packs));
    expect_equal(fixed_convolve_input_gradient(c.op, dy, w, x_shape, c.limbs),
                 fixed_convolve_input_gradient(c.op, dy, w, x_shape, c.limbs, &packs));
  }
  double expected_error = -1, error = -2;
  const FixedTensor expected = fixed_convolve_weight_gradient(c.op, x, dy, c.limbs, expected_error),
                    actual = fixed_convolve_weight_gradient(c.op, x, dy, c.limbs, error, device.get());
  EXPECT_EQ(expected.exponent, actual.exponent);
  EXPECT_EQ(expected_error, error);
  EXPECT_EQ(expected.shape, actual.shape);
  EXPECT_TRUE(expected.digits == actual.digits);
}

TEST(DeviceProducts, have_the_digits_of_the_cpu) {
  on_all_products([](const std::shared_ptr<DeviceProducts>& device) {
    for (std::uint64_t seed = 0; seed < 60 && !::testing::Test::HasFailure(); ++seed) {
      SCOPED_TRACE(seed);
      RandomStream random(seed, "device products");
      expect_same_products(random_case(random), device, support::all_mixes[seed % 4], random);
    }
  });
}

TEST(DeviceProducts, have_the_digits_of_the_cpu_in_long_sums_and_many_tiles) {
  on_all_products([](const std::shared_ptr<DeviceProducts>& device) {
    RandomStream random(1, "long device products");
    for (const Mix mix : support::all_mixes) {
      // Several chunks of terms, and the digit in front that long sums need.
      expect_same_products({{2100, 3, {}, false}, 2, 1, 1, 1, 1, 2}, device, mix, random);
      expect_same_products({{3, 2100, {}, false}, 1, 1, 2, 3, 2, 3}, device, mix, random);
      expect_same_products({{1, 2, Window::square(3, 1, 1), false}, 2, 40, 41, 2, 2, 2}, device, mix, random);
      expect_same_products({{5, 130, Window::square(3, 1, 1), false}, 3, 8, 8, 2, 1, 2}, device, mix, random);
      expect_same_products({{40, 2, {}, false}, 1, 1, 3, most_limbs, most_limbs, most_limbs}, device, mix,
                           random);
    }
  });
}

TEST(DeviceProducts, have_the_digits_of_the_cpu_where_the_sums_of_halves_are_largest) {
  constexpr std::int64_t half = (std::int64_t{1} << 25) - 1, fullest = (half << 26) + half;
  on_all_products([](const std::shared_ptr<DeviceProducts>& device) {
    RandomStream random(2, "fullest digits");
    for (const std::int64_t digit : {fullest, -fullest}) {
      expect_same_products({{2100, 2, {}, false}, 1, 1, 1, 1, 1, 1}, device, Mix::uniform, random, digit);
      expect_same_products({{700, 2, {}, false}, 1, 1, 1, 3, 3, 3}, device, Mix::uniform, random, digit);
    }
  });
}

TEST(DeviceProducts, of_zeros_are_zero) {
  const Conv2d op{3, 5, Window::square(3, 1, 1), false};
  const FixedTensor x({2, 3, 5, 4}, 3, 2), w({5, 3, 3, 3}, 2, 1), dy({2, 5, 5, 4}, 3, 2);
  on_all_products([&](const std::shared_ptr<DeviceProducts>& device) {
    WeightPacks packs(device);
    for (const std::int64_t digit : fixed_convolve(op, x, w, 3, &packs).digits) EXPECT_EQ(digit, 0);
    double error = 1, expected_error = 2;
    for (const std::int64_t digit : fixed_convolve_weight_gradient(op, x, dy, 3, error, device.get()).digits)
      EXPECT_EQ(digit, 0);
    fixed_convolve_weight_gradient(op, x, dy, 3, expected_error);
    EXPECT_EQ(error, expected_error);
  });
}

/// Residues drawn from all, or only from those of largest magnitude.
std::vector<Residue> random_residues(const ResidueField& field, Index count, bool extreme,
                                     RandomStream& random) {
  std::vector<Residue> out(static_cast<std::size_t>(count) + residue_padding);
  for (Index i = 0; i < count; ++i) {
    const auto r = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(field.prime())));
    out[static_cast<std::size_t>(i)] = extreme ? (r % 8 == 0 ? -1 : 1) * (field.prime() / 2) : field.from(r);
  }
  return out;
}

void expect_same_residues(const ResidueField& field, const ResidueConvolution& c, DeviceProducts* device,
                          bool extreme, RandomStream& random) {
  const Index inputs = c.images * element_count(c.in), outputs = c.images * c.op.out_channels * c.positions();
  const Index weights = c.op.out_channels * c.depth();
  const auto draw = [&](Index n) { return random_residues(field, n, extreme, random); };
  const std::vector<Residue> x = draw(inputs), w = draw(weights), dy = draw(outputs);
  const std::vector<Residue> bias = draw(c.op.out_channels);
  const auto compare = [&](Index count, const auto& compute) {
    // What is not written shows.
    std::vector<Residue> expected(static_cast<std::size_t>(count), 7),
        actual(static_cast<std::size_t>(count), 8);
    compute(expected.data(), nullptr);
    compute(actual.data(), device);
    EXPECT_EQ(expected, actual);
  };
  compare(outputs,
          [&](Residue* y, DeviceProducts* d) { convolve(field, c, x.data(), w.data(), bias, y, d); });
  compare(outputs, [&](Residue* y, DeviceProducts* d) { convolve(field, c, x.data(), w.data(), {}, y, d); });
  compare(inputs, [&](Residue* dx, DeviceProducts* d) {
    convolve_input_gradient(field, c, dy.data(), w.data(), dx, d);
  });
  compare(weights, [&](Residue* dw, DeviceProducts* d) {
    convolve_weight_gradient(field, c, x.data(), dy.data(), dw, d);
  });
}

TEST(DeviceProducts, have_the_residues_of_the_cpu) {
  on_all_products([](const std::shared_ptr<DeviceProducts>& device) {
    const std::vector<std::int32_t> primes = draw_residue_primes(3, 40);
    for (std::uint64_t seed = 0; seed < 40 && !::testing::Test::HasFailure(); ++seed) {
      SCOPED_TRACE(seed);
      RandomStream random(seed, "device residues");
      const DigitCase c = random_case(random);
      expect_same_residues(ResidueField(primes[seed]), {c.op, {c.op.in_channels, c.h, c.w}, c.images},
                           device.get(), seed % 2 == 0, random);
    }
    // Sums of several chunks, which 64 bits would not hold.
    RandomStream random(5, "long residues");
    const ResidueField largest(33'554'393);
    expect_same_residues(largest, {{70'000, 2, {}, true}, {70'000, 1, 1}, 2}, device.get(), true, random);
    expect_same_residues(largest, {{2, 70'000, {}, true}, {2, 1, 1}, 2}, device.get(), true, random);
    expect_same_residues(largest, {{1, 2, {}, true}, {1, 300, 260}, 1}, device.get(), true, random);
  });
}

TEST(DeviceProducts, are_left_to_the_cpu_where_they_are_small_or_too_long_for_128_bits) {
  const DeviceProducts device(make_host_device());
  const Conv2d small{3, 4, Window::square(3, 1, 1), false}, large{256, 256, Window::square(3, 1, 1), false};
  EXPECT_FALSE(device.takes(small, 1, 8, 8, 27, 2, 2, 2));
  EXPECT_TRUE(device.takes(large, 16, 8, 8, 2304, 2, 2, 2));
  EXPECT_FALSE(device.takes(large, 16, 8, 8, Index{1} << 24, 2, 2, 2));
  EXPECT_FALSE(device.takes(large, Index{1} << 20, 8, 8, 2304, 2, 2, 2)) << "offsets have 31 bits";
  EXPECT_FALSE(device.takes(ResidueConvolution{small, {3, 8, 8}, 1}, 27));
  EXPECT_TRUE(device.takes(ResidueConvolution{large, {256, 8, 8}, 16}, 2304));
}

TEST(DeviceProducts, give_the_verdicts_and_gradients_of_the_cpu) {
  const Graph graph = make_net("lenet5", BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::kaiming0, 4);
  MiniBatch batch{Tensor<double>({3, 1, 28, 28}), {1, 2, 3}};
  RandomStream random(9, "device verdicts");
  // Few different pixels, for ties.
  for (double& v : batch.x.data) v = static_cast<double>(random.below(3)) / 2;
  const std::vector<Choice> choices = parse_choices("native,minimal");
  const auto evaluate = [&](const std::shared_ptr<DeviceProducts>& device) {
    ReferenceOptions options;
    options.device = device;
    return FastEvaluator(graph, parameters, options).evaluate(batch, choices);
  };
  on_all_products([&](const std::shared_ptr<DeviceProducts>& device) {
    const RealVerdict expected = evaluate(nullptr), actual = evaluate(device);
    EXPECT_EQ(proof_text(expected), proof_text(actual));
    EXPECT_EQ(expected.witness, actual.witness);
    EXPECT_EQ(expected.lower, actual.lower);
    EXPECT_EQ(expected.upper, actual.upper);
    ASSERT_EQ(expected.gradients.size(), actual.gradients.size());
    ASSERT_FALSE(expected.gradients.empty());
    for (std::size_t p = 0; p < expected.gradients[0]->size(); ++p) {
      const CertifiedTensor &a = (*expected.gradients[0])[p], &b = (*actual.gradients[0])[p];
      for (Index i = 0; i < a.size(); ++i) {
        ASSERT_EQ(a.enclosure(i).high, b.enclosure(i).high);
        ASSERT_EQ(a.enclosure(i).low, b.enclosure(i).low);
        ASSERT_EQ(a.enclosure(i).radius, b.enclosure(i).radius);
      }
    }
  });
}

}  // namespace
}  // namespace gradzone::agree
