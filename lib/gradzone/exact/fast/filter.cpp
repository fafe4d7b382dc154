#include "gradzone/exact/fast/filter.hpp"

#include <algorithm>
#include <cmath>

namespace gradzone {
namespace {

constexpr double unit_roundoff = 0x1p-53;

/// |fl(x) - x| for a result of one rounding, zero or subnormal results included (bound() raises those).
double rounding_of(double x) {
  return x == 0 ? 0 : std::fabs(x) * unit_roundoff + 0x1p-1074;
}

Certain<int> judge(double difference, double error) {
  if (!std::isfinite(difference) || std::isnan(error)) return Certain<int>::unknown();
  if (error == 0 || std::fabs(difference) > error * slack)
    return Certain<int>::known((difference > 0) - (difference < 0));
  return Certain<int>::unknown();
}

/// The middle of an interval in binary64 and how far the interval reaches from it.
struct Approximation {
  double mid = 0, radius = 0;
};
Approximation approximate(const MpfrInterval& v) {
  Approximation out;
  out.mid = mpfr_get_d(v.low.get(), MPFR_RNDN);
  BigFloat distance(64);
  for (const BigFloat* end : {&v.low, &v.high}) {
    mpfr_sub_d(distance.get(), end->get(), out.mid, MPFR_RNDA);
    out.radius = std::max(out.radius, std::fabs(mpfr_get_d(distance.get(), MPFR_RNDA)));
  }
  out.radius = bound(out.radius);
  return out;
}

void pixel_norms_add(std::vector<double>& pixel, const std::vector<double>& squares) {
  for (std::size_t p = 0; p < pixel.size(); ++p) {
    if (squares[p] != 0) pixel[p] = bound(pixel[p] + std::sqrt(squares[p]));
  }
}

}  // namespace

Certain<int> sign(const DoubleValues& v, Index i) {
  return judge(v.mid[i], v.radii.entry[static_cast<std::size_t>(i)]);
}

Certain<int> compare(const DoubleValues& v, Index i, Index j) {
  const double ri = v.radii.entry[static_cast<std::size_t>(i)],
               rj = v.radii.entry[static_cast<std::size_t>(j)];
  const double difference = v.mid[i] - v.mid[j];  // its sign is exact, whatever is rounded
  return judge(difference, ri + rj == 0 ? 0 : ri + rj + rounding_of(difference));
}

Certain<int> compare(const DoubleValues& v, Index i, double constant) {
  const double r = v.radii.entry[static_cast<std::size_t>(i)];
  const double difference = v.mid[i] - constant;
  return judge(difference, r == 0 ? 0 : r + rounding_of(difference));
}

DoubleValues DoubleField::forward(const LinearLayer& layer, const Values& x) const {
  const Extent in = x.extent();
  const Tensor<double>* bias = layer.bias_numbers.empty() ? nullptr : &layer.bias_numbers;
  Values y;
  if (layer.image) {
    kernels_->conv2d(layer.op, x.mid, layer.weight_numbers, bias, y.mid);
  } else {
    const Linear op{layer.op.in_channels, layer.op.out_channels, layer.op.bias};
    kernels_->linear(op, x.mid, layer.weight_numbers, bias, y.mid);
  }
  const Extent out = y.extent();
  const Window& window = layer.op.window;
  const double k = static_cast<double>(in.channels * window.kernel_h * window.kernel_w);
  const double gamma = (k + 2) * unit_roundoff * slack;
  const double unit = scaled_bound(1, layer.norms.exponent);
  const std::vector<double> errors = window_norms(squared_errors(x.radii, in), in, window);
  const std::vector<double> norms = window_norms(squared_norms(x.mid.data.data(), in), in, window);
  y.radii = Radii(y.mid.shape);
  for_each_plane(out, [&](Index n, Index begin, Index end) {
    const double row = layer.norms.row[static_cast<std::size_t>(begin / out.area() % out.channels)] * unit;
    for (Index i = begin; i < end; ++i) {
      const std::size_t pixel = static_cast<std::size_t>(n * out.area() + i - begin);
      // A patch of zeros is summed without error, and the bias added to it too.
      if (norms[pixel] == 0 && errors[pixel] == 0) continue;
      const double e = row * (errors[pixel] + gamma * norms[pixel]);
      y.radii.entry[static_cast<std::size_t>(i)] =
          bound(std::max(e + (bias ? rounding_of(y.mid[i]) : 0), 0x1p-450));
    }
  });
  for (std::size_t p = 0; p < errors.size(); ++p) {
    const double e = (layer.norms.spectral * errors[p] + layer.norms.frobenius * gamma * norms[p]) * unit;
    y.radii.pixel[p] = errors[p] == 0 && norms[p] == 0 ? 0 : bound(std::max(e, 0x1p-450));
  }
  if (bias) {
    std::vector<double> rounding = squared_norms(y.mid.data.data(), out);
    for (std::size_t p = 0; p < rounding.size(); ++p)
      rounding[p] *= y.radii.pixel[p] == 0 ? 0 : unit_roundoff * unit_roundoff * slack;
    pixel_norms_add(y.radii.pixel, rounding);
  }
  return y;
}

DoubleValues DoubleField::apply(const SparseMap& map, const Values& x, const PixelRule& rule) const {
  Index most_terms = 1;
  for (std::size_t i = 0; i + 1 < map.first.size(); ++i)
    most_terms = std::max(most_terms, map.first[i + 1] - map.first[i]);
  std::vector<Approximation> weights;
  for (const MpfrInterval& w : map.weights) weights.push_back(approximate(w));
  Values y{Tensor<double>(map.shape), Radii(map.shape)};
  const bool exact = map.selects();
  for_each_plane(y.extent(), [&](Index, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      double sum = 0, size = 0, error = 0;
      const Index first = map.first[static_cast<std::size_t>(i)],
                  last = map.first[static_cast<std::size_t>(i) + 1];
      for (Index t = first; t < last; ++t) {
        const auto& [source, weight] = map.terms[static_cast<std::size_t>(t)];
        const Approximation& w = weights[static_cast<std::size_t>(weight)];
        const double value = x.mid[source], r = x.radii.entry[static_cast<std::size_t>(source)];
        sum = exact ? value : std::fma(w.mid, value, sum);
        size += product_of(std::fabs(w.mid), std::fabs(value));
        error += product_of(std::fabs(w.mid) + w.radius, r) + product_of(w.radius, std::fabs(value));
      }
      y.mid[i] = sum;
      // last - first fused steps, each of relative error 2^-53 or an underflow
      const double rounding =
          exact || size == 0 ? 0 : static_cast<double>(last - first + 1) * (size * unit_roundoff + 0x1p-1074);
      y.radii.entry[static_cast<std::size_t>(i)] = bound(error + rounding);
    }
  });
  y.radii.pixel =
      exact ? mapped_norms(x.radii.pixel, x.extent(), y.extent(), rule, map.largest_weight, most_terms)
            : std::vector<double>(y.radii.pixel.size(), no_bound);
  return y;
}

namespace {

/// Whether a + b was added without error (Knuth's two-sum).
bool was_exact(double a, double b, double sum) {
  const double b_part = sum - a;
  return (a - (sum - b_part)) + (b - b_part) == 0;
}

}  // namespace

DoubleValues DoubleField::add(const Values& a, const Values& b, bool subtract) const {
  Values y{Tensor<double>(a.shape()), sum_of(a.radii, b.radii, a.extent())};
  Radii rounding(a.shape());
  for (Index i = 0; i < y.mid.size(); ++i) {
    const double second = subtract ? -b.mid[i] : b.mid[i];
    y.mid[i] = a.mid[i] + second;
    const double error = was_exact(a.mid[i], second, y.mid[i]) ? 0 : rounding_of(y.mid[i]);
    double& r = y.radii.entry[static_cast<std::size_t>(i)];
    r = bound(r + error);
    rounding.entry[static_cast<std::size_t>(i)] = error;
  }
  pixel_norms_add(y.radii.pixel, squared_norms(rounding.entry.data(), y.extent()));
  return y;
}

DoubleValues DoubleField::scale_channels(const Values& x, const std::vector<MpfrInterval>& scale) const {
  return apply(channel_map(x.shape(), scale), x, {});
}

DoubleValues DoubleField::add_per_channel(const Values& x, const std::vector<MpfrInterval>& numbers) const {
  std::vector<Approximation> terms;
  for (const MpfrInterval& v : numbers) terms.push_back(approximate(v));
  Values y = x;
  const Extent e = x.extent();
  Radii extra(x.shape());
  for_each_plane(e, [&](Index, Index begin, Index end) {
    const Approximation& term = terms[static_cast<std::size_t>(begin / e.area() % e.channels)];
    for (Index i = begin; i < end; ++i) {
      y.mid[i] += term.mid;
      const double error = term.mid == 0 && term.radius == 0 ? 0 : term.radius + rounding_of(y.mid[i]);
      extra.entry[static_cast<std::size_t>(i)] = error;
      double& r = y.radii.entry[static_cast<std::size_t>(i)];
      r = bound(r + error);
    }
  });
  pixel_norms_add(y.radii.pixel, squared_norms(extra.entry.data(), e));
  return y;
}

DoubleValues DoubleField::concatenate(const std::vector<const Values*>& parts) const {
  Shape shape = parts[0]->shape();
  shape[1] = 0;
  for (const Values* part : parts) shape[1] += part->shape()[1];
  Values y{Tensor<double>(shape), Radii(shape)};
  const Extent e = y.extent();
  Index offset = 0;
  for (const Values* part : parts) {
    const Extent p = part->extent();
    for (Index n = 0; n < e.images; ++n) {
      const Index to = n * e.size() + offset;
      std::copy_n(part->mid.data.begin() + n * p.size(), p.size(), y.mid.data.begin() + to);
      std::copy_n(part->radii.entry.begin() + n * p.size(), p.size(), y.radii.entry.begin() + to);
    }
    for (std::size_t k = 0; k < y.radii.pixel.size(); ++k)
      y.radii.pixel[k] = bound(std::hypot(y.radii.pixel[k], part->radii.pixel[k]));
    offset += p.size();
  }
  return y;
}

DoubleValues DoubleField::reshaped(Values v, const Shape& shape) const {
  v.radii.pixel = reshaped_pixels(v.radii, v.extent(), gradzone::extent(shape));
  v.mid.shape = shape;
  return v;
}

}  // namespace gradzone
