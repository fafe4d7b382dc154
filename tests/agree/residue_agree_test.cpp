// Products of residues against plain loops in 64-bit integers, on every SIMD target of the machine.
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <vector>

#include "gradzone/base/random.hpp"
#include "gradzone/exact/fast/residue_products.hpp"

namespace gradzone {
namespace {

constexpr std::int32_t prime = 33'554'393;  // the last below 2^25

std::int64_t modulo(std::int64_t x) {
  const std::int64_t r = x % prime;
  return r > prime / 2 ? r - prime : r < -(prime / 2) ? r + prime : r;
}

/// The products of a random convolution by plain loops.
struct PlainConvolution {
  ResidueField field{prime};
  ResidueConvolution c;
  std::vector<Residue> x, w, bias, dy, vector;

  PlainConvolution(const ResidueConvolution& convolution, bool extreme, RandomStream& random)
      : c(convolution) {
    const auto draw = [&](Index n) {
      std::vector<Residue> out(static_cast<std::size_t>(n) + residue_padding);
      for (Index i = 0; i < n; ++i) {
        const auto r = static_cast<std::int64_t>(random.below(prime));
        out[static_cast<std::size_t>(i)] = extreme ? (r % 8 == 0 ? -1 : 1) * (prime / 2) : field.from(r);
      }
      return out;
    };
    x = draw(c.images * element_count(c.in));
    w = draw(c.op.out_channels * c.depth());
    bias = draw(c.op.out_channels);
    dy = draw(c.images * c.op.out_channels * c.positions());
    vector = draw(c.depth());
  }

  /// Calls visit(output, weight, input) for every multiplication.
  template <class Visit>
  void for_each_product(const Visit& visit) const {
    const Window& v = c.op.window;
    for (Index n = 0; n < c.images; ++n)
      for (Index o = 0; o < c.op.out_channels; ++o)
        for (Index at = 0; at < c.positions(); ++at)
          for (Index k = 0; k < c.depth(); ++k) {
            const Index channel = k / (v.kernel_h * v.kernel_w);
            const Index row = at / c.out_w() * v.stride_h - v.padding_h + k / v.kernel_w % v.kernel_h;
            const Index column = at % c.out_w() * v.stride_w - v.padding_w + k % v.kernel_w;
            if (row < 0 || row >= c.in[1] || column < 0 || column >= c.in[2]) continue;
            visit((n * c.op.out_channels + o) * c.positions() + at, o * c.depth() + k,
                  ((n * c.in[0] + channel) * c.in[1] + row) * c.in[2] + column);
          }
  }

  void check() const {
    const Index outputs = c.images * c.op.out_channels * c.positions();
    std::vector<Residue> y(static_cast<std::size_t>(outputs)), dx(x.size()), dw(w.size());
    std::vector<Residue> projected(static_cast<std::size_t>(c.op.out_channels));
    for (Index i = 0; i < outputs; ++i) y[i] = bias[i / c.positions() % c.op.out_channels];
    const auto add = [&](Residue& sum, Residue a, Residue b) {
      sum = static_cast<Residue>(modulo(sum + std::int64_t{a} * b));
    };
    for_each_product([&](Index output, Index weight, Index input) {
      add(y[output], w[weight], x[input]);
      add(dx[input], w[weight], dy[output]);
      add(dw[weight], dy[output], x[input]);
    });
    for (Index o = 0; o < c.op.out_channels; ++o)
      for (Index k = 0; k < c.depth(); ++k) add(projected[o], dw[o * c.depth() + k], vector[k]);

    hwy::SetSupportedTargetsForTest(0);
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
      SCOPED_TRACE(hwy::TargetName(target));
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      std::vector<Residue> got(y.size());
      convolve(field, c, x.data(), w.data(), bias, got.data());
      EXPECT_EQ(got, y);
      got.assign(dx.size(), 0);
      convolve_input_gradient(field, c, dy.data(), w.data(), got.data());
      EXPECT_EQ(got, dx);
      got.assign(dw.size(), 0);
      convolve_weight_gradient(field, c, x.data(), dy.data(), got.data());
      EXPECT_EQ(got, dw);
      got.assign(projected.size(), 0);
      project_weight_gradient(field, c, x.data(), dy.data(), vector.data(), got.data());
      EXPECT_EQ(got, projected);
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

TEST(ResidueProducts, EqualPlainLoopsOnEveryShape) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(seed, "convolution");
    const auto between = [&](Index low, Index high) {
      return low + static_cast<Index>(random.below(static_cast<std::uint64_t>(high - low + 1)));
    };
    const Window window{between(1, 4), between(1, 4), between(1, 3),
                        between(1, 3), between(0, 2), between(0, 2)};
    const Shape in{between(1, 9), between(4, 9), between(4, 9)};
    const Conv2d op{in[0], between(1, 11), window, true};
    PlainConvolution({op, in, between(1, 3)}, seed % 2 == 0, random).check();
  }
}

TEST(ResidueProducts, EqualPlainLoopsOnLongSumsOfLargestResidues) {
  RandomStream random(6, "long sums");
  PlainConvolution({{3000, 5, {}, true}, {3000, 1, 1}, 2}, true, random).check();  // a linear layer
  PlainConvolution({{2, 70, Window::square(3, 1, 1), true}, {2, 30, 31}, 2}, true, random).check();
}

}  // namespace
}  // namespace gradzone
