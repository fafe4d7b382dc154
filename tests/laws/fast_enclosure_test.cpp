// Every operation of the fast engine encloses: operands are enclosures whose true values lie anywhere inside
// their radii, often at the very end; the exact rational result must lie inside the result's radius, and the
// errors of all channels of a pixel inside its norm.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "../support/unrolled.hpp"
#include "gradzone/exact/fast/branch_maps.hpp"
#include "gradzone/exact/fast/filter.hpp"
#include "gradzone/exact/fast/fixed_layers.hpp"

namespace gradzone::support {
namespace {

int scaled(int count) {
  const char* scale = std::getenv("GRADZONE_TEST_SCALE");
  return scale ? static_cast<int>(count * std::atof(scale)) : count;
}

Rational power_of_two(int exponent) {
  Rational out = 1;
  mpq_t& q = *reinterpret_cast<mpq_t*>(out.backend().data());
  exponent >= 0 ? mpq_mul_2exp(q, q, static_cast<mp_bitcnt_t>(exponent))
                : mpq_div_2exp(q, q, static_cast<mp_bitcnt_t>(-exponent));
  return out;
}

Rational midpoint(const FixedTensor& t, Index i, int exponent) {
  Rational sum = 0;
  for (int l = 0; l < t.limbs; ++l)
    sum += Rational(t.plane(l)[i]) * power_of_two(exponent - limb_bits * (l + 1));
  return sum;
}
Rational midpoint(const FixedValues& v, Index i) {
  return midpoint(v.mid, i, v.mid.exponent[static_cast<std::size_t>(i / v.mid.block_size())]);
}

/// An enclosure and what it encloses.
struct Enclosed {
  FixedValues v;
  std::vector<Rational> truth;
};

class FastEnclosure : public testing::Test {
 protected:
  int below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }

  /// Numbers with ties, zeros, one-ulp neighbours, and at times far apart exponents.
  double number(bool spread) {
    const int kind = below(8);
    if (kind == 0) return 0;
    if (kind == 1) return 1;
    if (kind == 2) return std::nextafter(1.0f, 2.0f);
    const double v = static_cast<double>(static_cast<float>(std::ldexp(below(2000) - 1000, -9)));
    return spread ? std::ldexp(v, below(121) - 60) : v;
  }
  Tensor<double> numbers(const Shape& shape, bool spread) {
    Tensor<double> t(shape);
    for (double& x : t.data) x = number(spread);
    if (below(6) == 0 && !t.empty()) t[0] = 0x1p-149;
    return t;
  }

  /// Of these limbs, with errors of up to 2^-10 units: entry by entry at their ends, within the pixel's norm.
  Enclosed enclosed(const Shape& shape, int limbs, bool spread) {
    Enclosed out{fixed_values(numbers(shape, spread), limbs), {}};
    const Extent x = out.v.extent();
    const bool exact = below(3) == 0;
    for (Index n = 0; n < x.images && !exact; ++n)
      set_unit(out.v.radii, x, n, out.v.mid.exponent[static_cast<std::size_t>(n)] - 10 - below(60));
    for (Index i = 0; i < x.images * x.size(); ++i) out.truth.push_back(midpoint(out.v, i));
    if (exact) return out;
    for (Index p = 0; p < x.pixels(); ++p) {
      const Index n = p / x.area(), chosen = below(static_cast<int>(x.channels));
      const Rational unit = power_of_two(out.v.radii.exponent[static_cast<std::size_t>(n)]);
      for (Index c = 0; c < x.channels; ++c) {
        const Index i = (n * x.channels + c) * x.area() + p % x.area();
        double& r = out.v.radii.entry[static_cast<std::size_t>(i)];
        // Every entry may be wrong by 1, but all together by 1 only: one of them is.
        r = std::max(r, below(4) == 0 && c != chosen ? 0.0 : 1.0);
        if (c == chosen) out.truth[static_cast<std::size_t>(i)] += (below(2) ? unit : -unit);
      }
      double& norm = out.v.radii.pixel[static_cast<std::size_t>(p)];
      norm = norm + 1;
    }
    return out;
  }

  void check(const FixedValues& v, const std::vector<Rational>& truth) {
    const Extent x = v.extent();
    ASSERT_EQ(static_cast<Index>(truth.size()), x.images * x.size());
    std::vector<Rational> squares(static_cast<std::size_t>(x.pixels()), 0);
    for (Index i = 0; i < x.images * x.size(); ++i) {
      const std::size_t n = static_cast<std::size_t>(i / x.size());
      const Rational error = abs(midpoint(v, i) - truth[static_cast<std::size_t>(i)]);
      const double r = v.radii.entry[static_cast<std::size_t>(i)];
      ++entries;
      if (!std::isinf(r)) {
        ASSERT_LE(error, Rational(r) * power_of_two(v.radii.exponent[n])) << "entry " << i;
        if (error != 0) note_ratio(Rational(r) * power_of_two(v.radii.exponent[n]) / error);
      }
      squares[n * static_cast<std::size_t>(x.area()) + static_cast<std::size_t>(i % x.area())] +=
          error * error;
    }
    for (std::size_t p = 0; p < squares.size(); ++p) {
      const double norm = v.radii.pixel[p];
      if (std::isinf(norm)) continue;
      const Rational bound =
          Rational(norm) * power_of_two(v.radii.exponent[p / static_cast<std::size_t>(x.area())]);
      ASSERT_LE(squares[p], bound * bound) << "pixel " << p;
    }
  }
  void check(const ParameterGradient& g, const std::vector<Rational>& truth) {
    for (Index i = 0; i < g.mid.size(); ++i, ++entries) {
      const Rational error = abs(midpoint(g.mid, i, g.mid.exponent[0]) - truth[static_cast<std::size_t>(i)]);
      ASSERT_LE(error, Rational(g.radius_of(i)) * power_of_two(g.radius_exponent)) << "entry " << i;
    }
  }
  void note_ratio(const Rational& ratio) { ratios.push_back(std::log2(static_cast<double>(ratio))); }

  std::mt19937 random{1};
  long entries = 0;
  std::vector<double> ratios;  ///< log2 of radius / error
};

/// A layer of random shape with numbers; its weights as a tensor.
struct Layer {
  LinearLayer layer;
  Tensor<double> weight, bias;
};

Layer make_layer(const Conv2d& op, const Tensor<double>& weight, const Tensor<double>& bias) {
  GraphBuilder b("layer", {op.in_channels, 8, 8});
  b.then("conv", op);
  b.then("flatten", Flatten{});
  const Graph graph = [&] {
    const Index features = op.out_channels * op.window.out_h(8) * op.window.out_w(8);
    b.then("fc", Linear{features, 1, false});
    return b.build(Loss::output);
  }();
  Parameters p{weight, bias, Tensor<double>(graph.parameters()[2].shape)};
  return {*linear_layer(graph, 1, p), weight, bias};
}

TEST_F(FastEnclosure, LinearLayersForwardAndBackward) {
  for (int round = 0; round < scaled(120) && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    Conv2d op{1 + below(round % 10 == 0 ? 200 : 6), 1 + below(10), {}, true};
    op.window = {1 + below(3), 1 + below(3), 1 + below(2), 1 + below(2), below(2), below(2)};
    const bool spread = below(2);
    const int limbs = 2 + below(4);
    const Index images = 1 + below(3), kernel = op.window.kernel_h * op.window.kernel_w;
    const Layer l = make_layer(
        op, numbers({op.out_channels, op.in_channels, op.window.kernel_h, op.window.kernel_w}, spread),
        numbers({op.out_channels}, spread));
    const Extent x{images, op.in_channels, 3 + below(3), 3 + below(3)};
    const Extent y{images, op.out_channels, op.window.out_h(x.h), op.window.out_w(x.w)};
    const Enclosed in = enclosed({x.images, x.channels, x.h, x.w}, limbs, spread),
                   dy = enclosed({y.images, y.channels, y.h, y.w}, limbs, spread);
    std::vector<Rational> out(static_cast<std::size_t>(y.images * y.size()), 0),
        dx(static_cast<std::size_t>(x.images * x.size()), 0),
        dw(static_cast<std::size_t>(l.weight.size()), 0), db(static_cast<std::size_t>(y.channels), 0);
    for (Index o = 0; o < y.images * y.size(); ++o) {
      const Index n = o / y.size(), channel = o / y.area() % y.channels, i = o / y.w % y.h, j = o % y.w;
      out[static_cast<std::size_t>(o)] = Rational(l.bias[channel]);
      db[static_cast<std::size_t>(channel)] += dy.truth[static_cast<std::size_t>(o)];
      for (Index c = 0; c < x.channels; ++c)
        for (Index k = 0; k < kernel; ++k) {
          const Index row = i * op.window.stride_h - op.window.padding_h + k / op.window.kernel_w,
                      column = j * op.window.stride_w - op.window.padding_w + k % op.window.kernel_w;
          if (row < 0 || column < 0 || row >= x.h || column >= x.w) continue;
          const std::size_t at = static_cast<std::size_t>(((n * x.channels + c) * x.h + row) * x.w + column);
          const std::size_t w = static_cast<std::size_t>((channel * x.channels + c) * kernel + k);
          const Rational weight = l.weight.data[w];
          out[static_cast<std::size_t>(o)] += weight * in.truth[at];
          dx[at] += weight * dy.truth[static_cast<std::size_t>(o)];
          dw[w] += in.truth[at] * dy.truth[static_cast<std::size_t>(o)];
        }
    }
    check(forward(l.layer, in.v, limbs), out);
    check(input_gradient(l.layer, dy.v, in.v.shape(), limbs), dx);
    check(weight_gradient(l.layer, in.v, dy.v, limbs), dw);
    check(channel_sums(dy.v, limbs), db);
  }
  if (HasFailure()) return;
  EXPECT_GE(entries, scaled(10'000));
  // The radius is honest: in the median it is not far from the error.
  std::nth_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2),
                   ratios.end());
  const double median = ratios[ratios.size() / 2];
  RecordProperty("median_log2_radius_over_error", std::to_string(median));
  EXPECT_LT(median, 20);
}

TEST_F(FastEnclosure, LongContractions) {
  for (const Index depth : {1, 7, 1023, 1025, 5000}) {
    SCOPED_TRACE(depth);
    const int limbs = 3;
    const Conv2d op{depth, 2, Window::square(1, 1), true};
    const Layer l = make_layer(op, numbers({2, depth, 1, 1}, true), numbers({2}, true));
    const Enclosed in = enclosed({1, depth, 1, 1}, limbs, true);
    std::vector<Rational> out;
    for (Index o = 0; o < 2; ++o) {
      out.push_back(l.bias[o]);
      for (Index c = 0; c < depth; ++c)
        out.back() += Rational(l.weight[o * depth + c]) * in.truth[static_cast<std::size_t>(c)];
    }
    check(forward(l.layer, in.v, limbs), out);
  }
}

TEST_F(FastEnclosure, TheFilterForwardLayer) {
  const DoubleField field;
  for (int round = 0; round < scaled(150) && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    const Conv2d op{1 + below(40), 1 + below(6), Window::square(1 + below(2), 1, below(2)), true};
    const bool spread = below(2);
    const Index kernel = op.window.kernel_h * op.window.kernel_w;
    const Layer l = make_layer(
        op, numbers({op.out_channels, op.in_channels, op.window.kernel_h, op.window.kernel_w}, spread),
        numbers({op.out_channels}, spread));
    DoubleValues x = field.input(numbers({1, op.in_channels, 3, 3}, spread));
    // Two layers: the second gets what the first rounded, and the exact values beside it.
    const DoubleValues y = field.forward(l.layer, x);
    const Extent e = y.extent();
    for (Index o = 0; o < e.size(); ++o) {
      Rational sum = l.bias[o / e.area()];
      for (Index c = 0; c < op.in_channels; ++c)
        for (Index k = 0; k < kernel; ++k) {
          const Index row = o / e.w % e.h - op.window.padding_h + k / op.window.kernel_w,
                      column = o % e.w - op.window.padding_w + k % op.window.kernel_w;
          if (row < 0 || column < 0 || row >= 3 || column >= 3) continue;
          sum += Rational(l.weight[(o / e.area() * op.in_channels + c) * kernel + k]) *
                 Rational(x.mid[(c * 3 + row) * 3 + column]);
        }
      ASSERT_LE(abs(Rational(y.mid[o]) - sum), Rational(y.radii.entry[static_cast<std::size_t>(o)])) << o;
    }
  }
}

TEST_F(FastEnclosure, SumsProductsChannelsAndParts) {
  for (int round = 0; round < scaled(200) && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    const int limbs = 2 + below(4);
    const bool spread = below(2);
    const Shape shape{1 + below(2), 1 + below(4), 1 + below(3), 1 + below(3)};
    const Enclosed a = enclosed(shape, limbs, spread), b = enclosed(shape, limbs, spread);
    std::vector<Rational> sum, difference, product, third, joined;
    for (std::size_t i = 0; i < a.truth.size(); ++i) {
      sum.push_back(a.truth[i] + b.truth[i]);
      difference.push_back(a.truth[i] - b.truth[i]);
      product.push_back(a.truth[i] * b.truth[i]);
      third.push_back(a.truth[i] / 3);
    }
    check(add(a.v, b.v, false, limbs), sum);
    check(add(a.v, b.v, true, limbs), difference);
    check(multiply(a.v, b.v, limbs), product);
    const MpfrInterval one_third =
        divide(MpfrInterval::exactly(1), MpfrInterval::exactly(3), limb_bits * limbs + 64);
    check(
        scale_channels(a.v, std::vector<MpfrInterval>(static_cast<std::size_t>(shape[1]), one_third), limbs),
        third);
    const std::size_t size = a.truth.size() / static_cast<std::size_t>(shape[0]);
    for (std::size_t n = 0; n < static_cast<std::size_t>(shape[0]); ++n)
      for (const auto* part : {&a, &b})
        joined.insert(joined.end(), part->truth.begin() + static_cast<std::ptrdiff_t>(n * size),
                      part->truth.begin() + static_cast<std::ptrdiff_t>((n + 1) * size));
    const FixedValues both = concatenate({&a.v, &b.v});
    check(both, joined);
    check(channels_of(both, 0, shape[1]), a.truth);
    check(reshaped(both, {shape[0], 2 * shape[1] * shape[2] * shape[3]}), joined);
  }
}

TEST_F(FastEnclosure, PoolsOnKnownBranches) {
  const MaxPool2d pool{{2, 2, 1, 1, 0, 0}, {}};
  const Choice minimal{.maxpool_beta = 1};
  for (int round = 0; round < scaled(150) && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    const int limbs = 2 + below(3);
    const Shape x_shape{1 + below(2), 1 + below(3), 3, 4}, y_shape{x_shape[0], x_shape[1], 2, 3};
    const Enclosed dy = enclosed(y_shape, limbs, below(2));
    // Any non-empty sets: the map does not ask whether they are maxima.
    std::vector<std::uint8_t> codes(dy.truth.size() * 4);
    std::vector<Rational> dx(static_cast<std::size_t>(element_count(x_shape)), 0);
    for (std::size_t o = 0; o < dy.truth.size(); ++o) {
      int members = 0;
      while (members == 0)
        for (std::size_t k = 0; k < 4; ++k) members += codes[4 * o + k] = static_cast<std::uint8_t>(below(2));
      members = static_cast<int>(std::count(codes.begin() + static_cast<std::ptrdiff_t>(4 * o),
                                            codes.begin() + static_cast<std::ptrdiff_t>(4 * o + 4), 1));
      const std::size_t plane = o / 6, i = o / 3 % 2, j = o % 3;
      for (std::size_t k = 0; k < 4; ++k)
        if (codes[4 * o + k]) dx[plane * 12 + (i + k / 2) * 4 + j + k % 2] += dy.truth[o] / members;
    }
    const SparseMap map =
        max_pool_gradient_map(pool, minimal, x_shape, y_shape, codes, limb_bits * limbs + 64);
    check(apply(map, dy.v, {PixelRule::Kind::covering, pool.window}, limbs), dx);
    const SparseMap mean = average_map(Window::square(2, 1), x_shape, y_shape, limb_bits * limbs + 64);
    const Enclosed x = enclosed(x_shape, limbs, below(2));
    std::vector<Rational> y(dy.truth.size(), 0);
    for (std::size_t o = 0; o < y.size(); ++o)
      for (std::size_t k = 0; k < 4; ++k)
        y[o] += x.truth[o / 6 * 12 + (o / 3 % 2 + k / 2) * 4 + o % 3 + k % 2] / 4;
    check(apply(mean, x.v, {PixelRule::Kind::window, Window::square(2, 1)}, limbs), y);
  }
}

TEST(SpectralBound, IsAboveTheNormAndNotFarAbove) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  for (const auto& [rows, columns] :
       {std::pair<Index, Index>{1, 1}, {5, 3}, {40, 200}, {200, 30}, {64, 64}}) {
    Tensor<double> m({rows, columns});
    for (double& v : m.data) v = std::clamp(normal(random) / 8, -1.0, 1.0);
    std::vector<double> x(static_cast<std::size_t>(columns), 1), y(static_cast<std::size_t>(rows));
    double norm = 0;
    for (int step = 0; step < 300; ++step) {  // power iteration: from below
      for (Index i = 0; i < rows; ++i) {
        y[static_cast<std::size_t>(i)] = 0;
        for (Index j = 0; j < columns; ++j)
          y[static_cast<std::size_t>(i)] += m[i * columns + j] * x[static_cast<std::size_t>(j)];
      }
      double length = 0;
      for (Index j = 0; j < columns; ++j) {
        double sum = 0;
        for (Index i = 0; i < rows; ++i) sum += m[i * columns + j] * y[static_cast<std::size_t>(i)];
        x[static_cast<std::size_t>(j)] = sum;
        length += sum * sum;
      }
      norm = std::sqrt(std::sqrt(length));
      for (double& v : x) v /= std::sqrt(length);
    }
    EXPECT_GE(spectral_bound(m, 3), norm * (1 - 1e-12));
    EXPECT_LE(spectral_bound(m, 3), norm * 3);
  }
}

}  // namespace
}  // namespace gradzone::support
