// Multiword products against their definition, in 128-bit integers by plain loops, on every kernel; and the
// real sums within the returned error.
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <functional>
#include <ostream>
#include <vector>

#include "support/fixed_numbers.hpp"

namespace gradzone {
namespace {

using support::Integer;
using support::Mix;
using support::whole;

__extension__ using Wide = __int128;
/// Sums of digit products by place i + j.
using Places = std::array<Wide, 2 * most_limbs>;

struct Case {
  Index images, in, out, h, w;
  Window window;
  int x_limbs, w_limbs, limbs;

  Conv2d op() const { return {in, out, window, false}; }
  Shape x_shape() const { return {images, in, h, w}; }
  Shape y_shape() const { return {images, out, window.out_h(h), window.out_w(w)}; }
  Shape w_shape() const { return {out, in, window.kernel_h, window.kernel_w}; }
};

std::ostream& operator<<(std::ostream& stream, const Case& c) {
  const Window& v = c.window;
  return stream << "x " << to_string(c.x_shape()) << ", " << c.out << " channels, kernel " << v.kernel_h
                << "x" << v.kernel_w << ", stride " << v.stride_h << "x" << v.stride_w << ", padding "
                << v.padding_h << "x" << v.padding_w << ", limbs of x " << c.x_limbs << ", of w " << c.w_limbs
                << ", asked for " << c.limbs;
}

/// Calls visit(entry of y, entry of w, entry of x) for every multiplication of a convolution.
void for_each_product(const Case& c, const std::function<void(Index, Index, Index)>& visit) {
  const Window& v = c.window;
  const Index out_h = v.out_h(c.h), out_w = v.out_w(c.w);
  for (Index n = 0; n < c.images; ++n)
    for (Index o = 0; o < c.out; ++o)
      for (Index at = 0; at < out_h * out_w; ++at)
        for (Index k = 0; k < c.in * v.kernel_h * v.kernel_w; ++k) {
          const Index channel = k / (v.kernel_h * v.kernel_w);
          const Index row = at / out_w * v.stride_h - v.padding_h + k / v.kernel_w % v.kernel_h;
          const Index column = at % out_w * v.stride_w - v.padding_w + k % v.kernel_w;
          if (row < 0 || row >= c.h || column < 0 || column >= c.w) continue;
          visit((n * c.out + o) * out_h * out_w + at, o * c.in * v.kernel_h * v.kernel_w + k,
                ((n * c.in + channel) * c.h + row) * c.w + column);
        }
}

void add_product(Places& sum, const FixedTensor& a, Index i, const FixedTensor& b, Index j) {
  for (int l = 0; l < a.limbs; ++l)
    for (int m = 0; m < b.limbs; ++m)
      sum[static_cast<std::size_t>(l + m)] += static_cast<Wide>(a.plane(l)[i]) * b.plane(m)[j];
}

/// The places before `count` as one integer, in units of the last of them.
Integer total(const Places& sum, int count) {
  Integer out = 0;
  for (int p = 0; p < count; ++p) out = (out << limb_bits) + Integer(sum[static_cast<std::size_t>(p)]);
  return out;
}

/// The sum of places before `limbs` is exactly `result`, and the sum of all is within `error`, in units of
/// 2^(-52 limbs). `result` is in units of place limbs - 1.
void expect_sum(const Places& sum, int places, const Integer& result, int limbs, double error) {
  constexpr int bits = 120;  // of the error's fraction
  EXPECT_EQ(total(sum, limbs), result);
  const int deep = std::max(places, limbs);
  const Integer off = total(sum, deep) - (result << (limb_bits * (deep - limbs)));
  // Place p has the weight 2^(-52 (p + 2)).
  const int shift = limb_bits * (deep + 1 - limbs);
  EXPECT_LE(abs(off) << bits, support::scaled_up(error, bits) << shift);
  EXPECT_EQ(error == 0, places <= limbs) << "the error is 0 exactly where nothing is left out";
}

/// A random convolution with what its three products are by definition.
class Definition {
 public:
  Definition(const Case& c, std::uint64_t seed, Mix mix) : c_(c) {
    RandomStream random(seed, "exact products");
    x_ = support::random_fixed(c.x_shape(), c.x_limbs, c.images, random, mix);
    w_ = support::random_fixed(c.w_shape(), c.w_limbs, 1, random, mix);
    dy_ = support::random_fixed(c.y_shape(), c.x_limbs, c.images, random, mix);
    w_.exponent = {static_cast<int>(random.below(4001)) - 2000};
    for (std::size_t n = 0; n < x_.exponent.size(); ++n) {
      x_.exponent[n] = static_cast<int>(random.below(2001)) - 1000;
      dy_.exponent[n] = 77 - x_.exponent[n];  // one exponent of all images' products
    }
    y.resize(static_cast<std::size_t>(dy_.size()));
    dx.resize(static_cast<std::size_t>(x_.size()));
    dw.resize(static_cast<std::size_t>(w_.size()));
    for_each_product(c, [&](Index out, Index weight, Index in) {
      add_product(y[static_cast<std::size_t>(out)], w_, weight, x_, in);
      add_product(dx[static_cast<std::size_t>(in)], w_, weight, dy_, out);
      add_product(dw[static_cast<std::size_t>(weight)], dy_, out, x_, in);
    });
  }

  void expect_forward() const {
    SCOPED_TRACE("forward");
    expect_sums(fixed_convolve(c_.op(), x_, w_, c_.limbs), y, c_.y_shape(), x_);
  }
  void expect_input_gradient() const {
    SCOPED_TRACE("input gradient");
    expect_sums(fixed_convolve_input_gradient(c_.op(), dy_, w_, c_.x_shape(), c_.limbs), dx, c_.x_shape(),
                dy_);
  }
  void expect_weight_gradient() const {
    SCOPED_TRACE("weight gradient");
    double error = 0;
    const FixedTensor got = fixed_convolve_weight_gradient(c_.op(), x_, dy_, c_.limbs, error);
    EXPECT_EQ(got.shape, c_.w_shape());
    EXPECT_TRUE(support::balanced(got, got.limbs, 1));
    // Zeros go with any unit.
    if (std::any_of(got.digits.begin(), got.digits.end(), [](std::int64_t d) { return d != 0; })) {
      EXPECT_EQ(got.exponent, std::vector<int>{77 + limb_bits * (got.limbs - c_.limbs)});
    }
    for (Index i = 0; i < got.size() && !::testing::Test::HasFailure(); ++i) {
      // The last digit, which is cut off, is what balances the rest.
      const Integer sum = total(dw[static_cast<std::size_t>(i)], c_.limbs);
      Integer low = sum & ((Integer(1) << limb_bits) - 1);
      if (low > support::largest_digit) low -= Integer(1) << limb_bits;
      EXPECT_EQ((sum - low) >> limb_bits, whole(got, i)) << "entry " << i;
      if (low != 0) {
        EXPECT_GT(error, 0.5);
      }
    }
  }

 private:
  void expect_sums(const FixedSums& got, const std::vector<Places>& sums, const Shape& shape,
                   const FixedTensor& operand) const {
    EXPECT_EQ(got.shape, shape);
    EXPECT_TRUE(got.balanced && support::balanced(got, got.planes, 1));
    for (std::size_t n = 0; n < got.exponent.size(); ++n) {
      EXPECT_EQ(got.exponent[n] - limb_bits * (got.planes - 1),
                w_.exponent[0] + operand.exponent[n] - limb_bits * c_.limbs);
    }
    const int places = c_.x_limbs + c_.w_limbs - 1;
    for (Index i = 0; i < got.size() && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE(::testing::Message() << "entry " << i);
      expect_sum(sums[static_cast<std::size_t>(i)], places, whole(got, i), c_.limbs, got.error);
    }
  }

  Case c_;
  FixedTensor x_, w_, dy_;
  std::vector<Places> y, dx, dw;
};

void expect_definition(const Case& c, std::uint64_t seed, Mix mix) {
  if (::testing::Test::HasFailure()) return;  // one failing case says enough
  SCOPED_TRACE(::testing::Message() << c << ", seed " << seed << ", mix " << static_cast<int>(mix));
  const Definition definition(c, seed, mix);
  support::on_every_kernel([&] {
    definition.expect_forward();
    definition.expect_input_gradient();
    definition.expect_weight_gradient();
  });
}

Mix mix_of(std::uint64_t seed) {
  return support::all_mixes[seed % 4];
}

TEST(Products, are_their_definition_for_every_kernel_stride_and_padding) {
  std::uint64_t seed = 0;
  for (const auto& [kernel_h, kernel_w] : {std::pair<Index, Index>{1, 1}, {2, 2}, {3, 3}, {5, 3}})
    for (const Index stride : {1, 2, 3})
      for (const Index padding : {0, 1, 2}) {
        const Window window{kernel_h, kernel_w, stride, 4 - stride, padding, 2 - padding};
        expect_definition({2, 3, 5, 6, 7, window, 2, 2, 2}, seed, mix_of(seed));
        ++seed;
      }
}

TEST(Products, are_their_definition_beyond_vector_widths) {
  std::uint64_t seed = 100;
  for (const Index out : {1, 2, 4, 5, 7, 8, 9, 17})
    for (const Index pixels : {1, 2, 7, 8, 9, 17, 33}) {
      expect_definition({1, 3, out, 1, pixels, {}, 3, 2, 3}, seed, mix_of(seed));
      ++seed;
    }
  for (const Index images : {1, 3, 8, 9}) {
    expect_definition({images, 9, 17, 1, 1, {}, 2, 1, 2}, seed, mix_of(seed));
    ++seed;
  }
}

TEST(Products, are_their_definition_for_any_numbers_of_limbs) {
  std::uint64_t seed = 200;
  for (int x_limbs = 1; x_limbs <= 9; ++x_limbs)
    for (int w_limbs = 1; w_limbs <= 9; ++w_limbs) {
      const int limbs = 1 + static_cast<int>(seed * 7 % 19);
      expect_definition({1, 2, 5, 3, 3, Window::square(2, 1), x_limbs, w_limbs, limbs}, seed, mix_of(seed));
      ++seed;
    }
  for (const Mix mix : support::all_mixes)
    expect_definition({1, 2, 3, 1, 9, {}, most_limbs, most_limbs, most_limbs}, ++seed, mix);
}

TEST(Products, are_their_definition_for_contractions_of_any_length) {
  std::uint64_t seed = 400;
  for (const Index depth : {1, 2, 511, 1023, 1024, 1025, 2049, 5000})
    for (const Mix mix : support::all_mixes) {
      ++seed;
      expect_definition({1, depth, 2, 1, 3, {}, 3, 2, 3}, seed, mix);            // forward
      expect_definition({1, 2, depth, 1, 1, {}, 2, 3, 3}, seed, mix);            // input gradient
      expect_definition({2, 1, 1, 1, (depth + 1) / 2, {}, 2, 2, 2}, seed, mix);  // weight gradient
    }
  expect_definition({1, 119, 2, 3, 3, Window::square(3, 1, 1), 2, 1, 2}, 500, Mix::extreme);
  expect_definition({1, 1, 1, 40, 45, Window{40, 30, 1, 1, 0, 0}, 2, 2, 2}, 501, Mix::lowest);
}

TEST(Products, are_their_definition_for_long_contractions_of_many_limbs) {
  std::uint64_t seed = 600;
  for (const int limbs : {6, 7, 8, 9, 12, 17, most_limbs})
    for (const Mix mix : support::all_mixes)
      expect_definition({1, 1024, 1, 1, 2, {}, limbs, limbs, limbs}, ++seed, mix);
}

TEST(Products, of_zeros_are_zero) {
  const Case c{2, 3, 5, 5, 4, Window::square(3, 1, 1), 3, 2, 3};
  const FixedTensor x(c.x_shape(), 3, 2), w(c.w_shape(), 2, 1), dy(c.y_shape(), 3, 2);
  support::on_every_kernel([&] {
    double error = 1;
    for (const std::int64_t digit : fixed_convolve(c.op(), x, w, 3).digits) EXPECT_EQ(digit, 0);
    for (const std::int64_t digit : fixed_convolve_weight_gradient(c.op(), x, dy, 3, error).digits)
      EXPECT_EQ(digit, 0);
  });
}

TEST(Products, do_not_depend_on_the_number_of_threads) {
  // Without this, oneTBB caps arenas at the number of cores.
  const tbb::global_control allow(tbb::global_control::max_allowed_parallelism, 3);
  const Definition definition({3, 7, 19, 9, 8, Window::square(3, 1, 1), 3, 2, 3}, 700, Mix::uniform);
  for (const int threads : {1, 2, 3}) {
    SCOPED_TRACE(::testing::Message() << threads << " threads");
    tbb::task_arena arena(threads);
    arena.execute([&] {
      definition.expect_forward();
      definition.expect_input_gradient();
      definition.expect_weight_gradient();
    });
  }
}

}  // namespace
}  // namespace gradzone
