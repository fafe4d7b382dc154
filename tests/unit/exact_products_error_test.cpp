// The real sums are within the error that multiword products return: numbers taken as doubles of every
// magnitude, images in units far apart. The truth is computed in big integers, not from digits.
#include <algorithm>
#include <cmath>
#include <vector>

#include "support/fixed_numbers.hpp"

namespace gradzone {
namespace {

using support::Integer;
using support::Mix;
using support::whole;

/// What a random double looks like.
enum class Magnitudes { spread, subnormal, huge, neighbours };
constexpr Magnitudes all_magnitudes[] = {Magnitudes::spread, Magnitudes::subnormal, Magnitudes::huge,
                                         Magnitudes::neighbours};

double random_double(RandomStream& random, Magnitudes magnitudes) {
  const double significand = random.uniform(-2, 2);
  switch (magnitudes) {
    case Magnitudes::spread:
      return random.below(10) == 0 ? 0 : std::ldexp(significand, static_cast<int>(random.below(121)) - 60);
    case Magnitudes::subnormal:
      return std::ldexp(significand, -1060 - static_cast<int>(random.below(20)));
    case Magnitudes::huge:
      return std::ldexp(significand, 1022 - static_cast<int>(random.below(100)));
    case Magnitudes::neighbours:
      break;
  }
  const double values[] = {1, std::nextafter(1.0, 2), std::nextafter(1.0, 0), -1, -std::nextafter(1.0, 2)};
  return values[random.below(5)];
}

Tensor<double> random_doubles(Shape shape, RandomStream& random, Magnitudes magnitudes) {
  Tensor<double> out(std::move(shape));
  for (double& x : out.data) x = random_double(random, magnitudes);
  return out;
}

constexpr int unit = 1130;  ///< doubles, with significands of 53 bits, are integers in units of 2^-1130

Integer exact_product(double x, double y) {
  const auto integer = [](double v) {
    int e = 0;
    const double significand = std::frexp(v, &e);
    return v == 0 ? Integer(0) : Integer(std::ldexp(significand, 53)) * (Integer(1) << (e - 53 + unit));
  };
  return integer(x) * integer(y);
}

/// a 2^p <= b 2^q?
bool at_most(const Integer& a, int p, const Integer& b, int q) {
  return p >= q ? (a << (p - q)) <= b : a <= (b << (q - p));
}

/// |true 2^-true_bits - result 2^place| <= error 2^(place + limb_bits)
void expect_within(const Integer& truth, int true_bits, const Integer& result, int place, double error,
                   int error_place) {
  const int common = std::min(-true_bits, place);
  const Integer off = (truth << (-true_bits - common)) - (result << (place - common));
  constexpr int bits = 120;
  EXPECT_TRUE(at_most(abs(off), common, support::scaled_up(error, bits), error_place - bits))
      << "error " << error << ", off by 2^"
      << static_cast<int>(off == 0 ? 0 : msb(abs(off))) + common - error_place << " units";
}

/// A product of vectors: one output of a 1x1 convolution, an entry of its input gradient, and of its weight
/// gradient.
void expect_dot_within_error(Index depth, int limbs, std::uint64_t seed, Magnitudes of_x, Magnitudes of_w) {
  SCOPED_TRACE(::testing::Message() << "depth " << depth << ", limbs " << limbs << ", seed " << seed);
  RandomStream random(seed, "products of doubles");
  const Tensor<double> x = random_doubles({1, depth, 1, 1}, random, of_x),
                       w = random_doubles({1, depth, 1, 1}, random, of_w);
  Integer truth = 0;
  for (Index k = 0; k < depth; ++k) truth += exact_product(x[k], w[k]);
  std::vector<bool> exact_x, exact_w;
  FixedTensor a = fixed_from_doubles(x, 1, most_limbs, &exact_x),
              b = fixed_from_doubles(w, 1, most_limbs, &exact_w);
  ASSERT_TRUE(exact_x[0] && exact_w[0]);
  const FixedSums y = fixed_convolve({depth, 1, {}, false}, a, b, limbs);
  expect_within(truth, 2 * unit, whole(y, 0), y.exponent[0] - limb_bits * y.planes, y.error,
                y.exponent[0] - limb_bits * (y.planes - 1));
  b.shape = {depth, 1, 1, 1};
  const FixedSums dx = fixed_convolve_input_gradient({1, depth, {}, false}, a, b, {1, 1, 1, 1}, limbs);
  EXPECT_EQ(whole(dx, 0), whole(y, 0));
  a.shape = b.shape = {1, 1, 1, depth};
  double error = 0;
  const FixedTensor dw = fixed_convolve_weight_gradient({1, 1, {}, false}, a, b, limbs, error);
  const int place = dw.exponent[0] - limb_bits * dw.limbs;
  expect_within(truth, 2 * unit, whole(dw, 0), place, error, place);
}

TEST(ProductErrors, contain_the_real_sum_of_doubles_of_every_magnitude) {
  std::uint64_t seed = 0;
  for (const Index depth : {1, 2, 9, 100, 1023, 1025, 5000})
    for (const int limbs : {1, 2, 3, 5})
      for (const Magnitudes of_x : all_magnitudes)
        for (const Magnitudes of_w : all_magnitudes)
          expect_dot_within_error(depth, limbs, ++seed, of_x, of_w);
}

/// x and dy of a few images in units of their own, and their exact weight gradient.
struct Images {
  Conv2d op{2, 3, Window::square(2, 1), false};
  FixedTensor x, dy;

  Images(const std::vector<int>& of_x, const std::vector<int>& of_dy, RandomStream& random, Mix mix) {
    const Index images = static_cast<Index>(of_x.size());
    x = support::random_fixed({images, 2, 4, 3}, 2, images, random, mix);
    dy = support::random_fixed({images, 3, 3, 2}, 2, images, random, mix);
    x.exponent = of_x;
    dy.exponent = of_dy;
  }

  static constexpr int bits = 8000;  ///< the truth is in units of 2^-8000

  Integer truth(Index o, Index c, Index p, Index q) const {
    Integer out = 0;
    for (Index n = 0; n < dy.shape[0]; ++n) {
      Integer sum = 0;
      for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 2; ++j)
          sum += whole(x, ((n * 2 + c) * 4 + i + p) * 3 + j + q) * whole(dy, ((n * 3 + o) * 3 + i) * 2 + j);
      const std::size_t at = static_cast<std::size_t>(n);
      out += sum << (bits + x.exponent[at] + dy.exponent[at] - 4 * limb_bits);
    }
    return out;
  }

  void expect_containment(const FixedTensor& dw, double error) const {
    const int place = dw.exponent[0] - limb_bits * dw.limbs;
    for (Index i = 0; i < dw.size(); ++i)
      expect_within(truth(i / 8, i / 4 % 2, i / 2 % 2, i % 2), bits, whole(dw, i), place, error, place);
  }
};

TEST(ProductErrors, contain_the_weight_gradient_of_images_in_units_far_apart) {
  std::uint64_t seed = 0;
  for (const int apart : {0, 1, 3, 51, 52, 53, 103, 104, 105, 156, 700, 1455, 1456, 1457, 3000})
    for (const Mix mix : support::all_mixes)
      for (const int limbs : {1, 2, 3, 6}) {
        SCOPED_TRACE(::testing::Message()
                     << "2^" << apart << " apart, limbs " << limbs << ", seed " << ++seed);
        RandomStream random(seed, "images far apart");
        const int e = static_cast<int>(random.below(3000)) - 1500;
        const Images images({e, 5, -apart}, {-e, -5 - apart, apart / 2}, random, mix);
        support::on_every_kernel([&] {
          double error = 0;
          const FixedTensor dw = fixed_convolve_weight_gradient(images.op, images.x, images.dy, limbs, error);
          images.expect_containment(dw, error);
        });
      }
}

TEST(ProductErrors, do_not_grow_with_images_that_are_zero) {
  RandomStream random(1, "images of zeros");
  for (const bool zero_x : {false, true}) {
    Images images({-300, 0, -290}, {-400, 0, -410}, random, Mix::uniform);
    FixedTensor& zeros = zero_x ? images.x : images.dy;
    for (int l = 0; l < zeros.limbs; ++l)
      std::fill_n(zeros.plane(l) + zeros.block_size(), zeros.block_size(), std::int64_t{0});
    double error = 0;
    const FixedTensor dw = fixed_convolve_weight_gradient(images.op, images.x, images.dy, 4, error);
    images.expect_containment(dw, error);
    EXPECT_EQ(dw.exponent[0], -700);
    EXPECT_EQ(error, 0);
  }
}

}  // namespace
}  // namespace gradzone
