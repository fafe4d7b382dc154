#include "gradzone/exact/fast/radii.hpp"

#include <algorithm>
#include <cmath>

#include "gradzone/base/parallel.hpp"

namespace gradzone {

Extent extent(const Shape& shape) {
  return shape.size() == 4 ? Extent{shape[0], shape[1], shape[2], shape[3]}
                           : Extent{shape[0], shape[1], 1, 1};
}

Radii::Radii(const Shape& shape) {
  const Extent x = extent(shape);
  entry.assign(static_cast<std::size_t>(x.images * x.size()), 0.0);
  pixel.assign(static_cast<std::size_t>(x.pixels()), 0.0);
  exponent.assign(static_cast<std::size_t>(x.images), 0);
}

std::vector<double> squared_norms(const double* values, const Extent& x) {
  std::vector<double> out(static_cast<std::size_t>(x.pixels()), 0.0);
  parallel_for(x.images, [&](Index n) {
    double* sums = out.data() + n * x.area();
    for (Index c = 0; c < x.channels; ++c) {
      const double* plane = values + n * x.size() + c * x.area();
      for (Index i = 0; i < x.area(); ++i) {
        // A square that would underflow is raised to one that does not.
        const double v = std::fabs(plane[i]);
        sums[i] += v == 0 ? 0 : v < 0x1p-450 ? 0x1p-900 : v * v;
      }
    }
    for (Index i = 0; i < x.area(); ++i) sums[i] *= slack;
  });
  return out;
}

std::vector<double> squared_errors(const Radii& radii, const Extent& x) {
  std::vector<double> out = squared_norms(radii.entry.data(), x);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = std::min(out[i], radii.pixel[i] * radii.pixel[i] * slack);
  }
  return out;
}

namespace {

/// Calls visit(input pixel, output pixel) for every pair that a window joins, within one image.
template <class Visit>
void for_each_pair(const Extent& x, const Window& w, Visit&& visit) {
  const Index out_h = w.out_h(x.h), out_w = w.out_w(x.w);
  for (Index i = 0; i < out_h; ++i)
    for (Index p = 0; p < w.kernel_h; ++p) {
      const Index row = i * w.stride_h - w.padding_h + p;
      if (row < 0 || row >= x.h) continue;
      for (Index j = 0; j < out_w; ++j)
        for (Index q = 0; q < w.kernel_w; ++q) {
          const Index column = j * w.stride_w - w.padding_w + q;
          if (column >= 0 && column < x.w) visit(row * x.w + column, i * out_w + j);
        }
    }
}

void take_roots(double* values, Index count) {
  for (Index i = 0; i < count; ++i) values[i] = bound(std::sqrt(values[i]));
}

}  // namespace

std::vector<double> window_norms(const std::vector<double>& squares, const Extent& x, const Window& window) {
  const Index out_area = window.out_h(x.h) * window.out_w(x.w);
  std::vector<double> out(static_cast<std::size_t>(x.images * out_area), 0.0);
  parallel_for(x.images, [&](Index n) {
    const double* in = squares.data() + n * x.area();
    double* sums = out.data() + n * out_area;
    for_each_pair(x, window, [&](Index input, Index output) { sums[output] += in[input]; });
    take_roots(sums, out_area);
  });
  return out;
}

std::vector<double> covering_norms(const std::vector<double>& squares, const Extent& x,
                                   const Window& window) {
  const Index out_area = window.out_h(x.h) * window.out_w(x.w);
  std::vector<double> out(static_cast<std::size_t>(x.pixels()), 0.0);
  parallel_for(x.images, [&](Index n) {
    const double* from = squares.data() + n * out_area;
    double* sums = out.data() + n * x.area();
    for_each_pair(x, window, [&](Index input, Index output) { sums[input] += from[output]; });
    take_roots(sums, x.area());
  });
  return out;
}

double scaled_bound(double value, int exponent) {
  if (value == 0) return 0;
  const double scaled = std::ldexp(value, exponent);
  return scaled >= 0x1p-450 ? scaled : std::isnan(scaled) ? no_bound : 0x1p-450;
}

void set_unit(Radii& radii, const Extent& x, Index n, int exponent) {
  int& unit = radii.exponent[static_cast<std::size_t>(n)];
  const int shift = std::clamp(unit - exponent, -2000, 2000);
  unit = exponent;
  if (shift == 0) return;
  // Two factors, neither of which leaves the range of a double.
  const double half = std::ldexp(1.0, shift / 2), rest = std::ldexp(1.0, shift - shift / 2);
  const auto rescale = [=](double* bounds, Index count) {
    for (Index i = 0; i < count; ++i)
      bounds[i] = bounds[i] == 0 ? 0 : std::max(bounds[i] * half * rest, 0x1p-450);
  };
  rescale(radii.entry.data() + n * x.size(), x.size());
  rescale(radii.pixel.data() + n * x.area(), x.area());
}

bool is_exact(const Radii& radii, const Extent& x, Index n) {
  const double* entry = radii.entry.data() + n * x.size();
  return std::all_of(entry, entry + x.size(), [](double r) { return r == 0; });
}

void normalise(Radii& radii, const Extent& x) {
  parallel_for(x.images, [&](Index n) {
    const double* entry = radii.entry.data() + n * x.size();
    const double largest = *std::max_element(entry, entry + x.size());
    if (largest == 0 || std::isinf(largest)) return;
    set_unit(radii, x, n, radii.exponent[static_cast<std::size_t>(n)] + std::ilogb(largest));
  });
}

std::vector<double> reshaped_pixels(const Radii& radii, const Extent& from, const Extent& to) {
  if (from.area() == to.area()) return radii.pixel;
  std::vector<double> out(static_cast<std::size_t>(to.pixels()), 0.0);
  for (Index n = 0; n < to.images; ++n) {
    double sum = 0;
    for (Index k = n * from.area(); k < (n + 1) * from.area(); ++k) {
      const double r = radii.pixel[static_cast<std::size_t>(k)];
      sum += r * r;
    }
    std::fill_n(out.begin() + n * to.area(), to.area(), bound(std::sqrt(sum * slack)));
  }
  return out;
}

Radii sum_of(const Radii& a, const Radii& b, const Extent& x) {
  Radii sum = a, other = b;
  for (Index n = 0; n < x.images; ++n) {
    const std::size_t at = static_cast<std::size_t>(n);
    const int unit = is_exact(a, x, n)   ? b.exponent[at]
                     : is_exact(b, x, n) ? a.exponent[at]
                                         : std::max(a.exponent[at], b.exponent[at]);
    set_unit(sum, x, n, unit);
    set_unit(other, x, n, unit);
  }
  for (std::size_t i = 0; i < sum.entry.size(); ++i) sum.entry[i] = bound(sum.entry[i] + other.entry[i]);
  for (std::size_t i = 0; i < sum.pixel.size(); ++i) sum.pixel[i] = bound(sum.pixel[i] + other.pixel[i]);
  return sum;
}

}  // namespace gradzone
