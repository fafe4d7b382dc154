#include "gradzone/exact/fast/fixed_layers.hpp"

#include <algorithm>
#include <cmath>

#include "gradzone/exact/fast/digits.hpp"
#include "gradzone/exact/fast/sparse_map.hpp"

namespace gradzone {
namespace {

Shape image_shape(const Shape& shape) {
  return shape.size() == 4 ? shape : Shape{shape[0], shape[1], 1, 1};
}

FixedTensor as_images(const FixedTensor& t) {
  FixedTensor out = t;
  out.shape = image_shape(t.shape);
  return out;
}

Shape vector_shape(const Shape& image) {
  return {image[0], image[1]};
}

/// Radii of a linear layer's result: `patch` is the error norm of what each output pixel reads, `rows` the
/// norm of the weights of each output channel.
Radii linear_radii(const Shape& shape, const std::vector<double>& patch, const std::vector<double>& rows,
                   double spectral, const std::vector<int>& exponent, int weight_exponent) {
  Radii out(shape);
  const Extent y = extent(shape);
  for (Index n = 0; n < y.images; ++n)
    out.exponent[static_cast<std::size_t>(n)] = exponent[static_cast<std::size_t>(n)] + weight_exponent;
  for_each_plane(y, [&](Index n, Index begin, Index end) {
    const double row = rows[static_cast<std::size_t>(begin / y.area() % y.channels)];
    const double* norms = patch.data() + n * y.area();
    for (Index i = begin; i < end; ++i) {
      const double r = norms[i - begin];
      out.entry[static_cast<std::size_t>(i)] = r == 0 ? 0 : bound(row * r);
    }
  });
  for (std::size_t p = 0; p < patch.size(); ++p)
    out.pixel[p] = patch[p] == 0 ? 0 : bound(spectral * patch[p]);
  return out;
}

/// 1 at the pixels where some channel is not certainly zero.
std::vector<double> occupied(const FixedValues& v) {
  const Extent x = v.extent();
  std::vector<double> out(static_cast<std::size_t>(x.pixels()), 0.0);
  parallel_for(x.images, [&](Index n) {
    double* pixels = out.data() + n * x.area();
    for (int l = 0; l < v.mid.limbs; ++l)
      for (Index k = 0; k < x.size(); ++k) {
        if (v.mid.plane(l)[n * x.size() + k] != 0) pixels[k % x.area()] = 1;
      }
  });
  return out;
}

/// The entries whose window holds something else than zeros: all others have no digit products at all.
std::vector<std::uint8_t> spread(const std::vector<double>& pixels, const Extent& y) {
  std::vector<std::uint8_t> out(static_cast<std::size_t>(y.images * y.size()));
  for_each_plane(y, [&](Index n, Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      out[static_cast<std::size_t>(i)] = pixels[static_cast<std::size_t>(n * y.area() + i - begin)] != 0;
  });
  return out;
}

}  // namespace

std::optional<LinearLayer> linear_layer(const Graph& graph, NodeId id, const Parameters& parameters) {
  const Node& node = graph.node(id);
  LinearLayer out;
  bool has_bias = false;
  if (const auto* conv = std::get_if<Conv2d>(&node.op)) {
    out.op = *conv;
    has_bias = conv->bias;
  } else {
    const Linear& linear = std::get<Linear>(node.op);
    out.op = Conv2d{linear.in_features, linear.out_features, Window::square(1, 1), linear.bias};
    out.image = false;
    has_bias = linear.bias;
  }
  const std::size_t first = static_cast<std::size_t>(node.first_parameter);
  std::vector<bool> exact;
  out.weight = fixed_from_doubles(parameters[first], 1, most_limbs, &exact);
  out.weight.shape = {out.op.out_channels, out.op.in_channels, out.op.window.kernel_h,
                      out.op.window.kernel_w};
  if (!exact[0]) return std::nullopt;
  out.norms = layer_norms(parameters[first]);
  out.weight_numbers = parameters[first];
  if (has_bias) {
    Tensor<double> bias = parameters[first + 1];
    out.bias_numbers = bias;
    bias.shape = {1, out.op.out_channels};
    out.bias = fixed_values(bias, most_limbs);
  }
  return out;
}

FixedValues forward(const LinearLayer& layer, const FixedValues& x, int limbs) {
  const Extent in = x.extent();
  FixedSums sums = fixed_convolve(layer.op, as_images(x.mid), layer.weight, limbs, layer.packs.get());
  const Extent out = extent(sums.shape);
  const std::vector<double> patch = window_norms(squared_errors(x.radii, in), in, layer.op.window);
  Radii radii = linear_radii(sums.shape, patch, layer.norms.row, layer.norms.spectral, x.radii.exponent,
                             layer.norms.exponent);
  const auto cut = spread(window_norms(occupied(x), in, layer.op.window), out);
  if (!layer.image) sums.shape = vector_shape(sums.shape);
  FixedValues y = finish(std::move(sums), limbs, std::move(radii), cut);
  return layer.bias ? add_per_channel(y, *layer.bias, limbs) : y;
}

FixedValues input_gradient(const LinearLayer& layer, const FixedValues& dy, const Shape& x_shape, int limbs) {
  const Shape shape = image_shape(x_shape);
  const Extent in = extent(shape);
  FixedSums sums = fixed_convolve_input_gradient(layer.op, as_images(dy.mid), layer.weight, shape, limbs,
                                                 layer.packs.get());
  const std::vector<double> patch =
      covering_norms(squared_errors(dy.radii, dy.extent()), in, layer.op.window);
  Radii radii = linear_radii(shape, patch, layer.norms.column, layer.norms.spectral_backward,
                             dy.radii.exponent, layer.norms.exponent);
  const auto cut = spread(covering_norms(occupied(dy), in, layer.op.window), in);
  sums.shape = x_shape;
  return finish(std::move(sums), limbs, std::move(radii), cut);
}

namespace {

/// Norms over all images and pixels, per channel, of the numbers or of their errors, in units of 2^exponent.
struct ChannelNorms {
  std::vector<double> of;
  int exponent = 0;
};

template <class Value>
ChannelNorms channel_norms(const Extent& x, const std::vector<int>& exponents, Value&& value) {
  ChannelNorms out;
  out.of.assign(static_cast<std::size_t>(x.channels), 0.0);
  out.exponent = *std::max_element(exponents.begin(), exponents.end());
  parallel_for(x.channels, [&](Index c) {
    double sum = 0;
    for (Index n = 0; n < x.images; ++n) {
      const double unit = scaled_bound(1, exponents[static_cast<std::size_t>(n)] - out.exponent);
      for (Index i = (n * x.channels + c) * x.area(); i < (n * x.channels + c + 1) * x.area(); ++i) {
        const double v = value(i) * unit;
        sum += v == 0 ? 0 : std::max(v * v, 0x1p-900);
      }
    }
    out.of[static_cast<std::size_t>(c)] = bound(std::sqrt(sum * slack));
  });
  return out;
}

ChannelNorms value_norms(const FixedValues& v) {
  return channel_norms(v.extent(), v.mid.exponent, [&](Index i) { return v.mid.magnitude(i); });
}
ChannelNorms error_norms(const FixedValues& v) {
  std::vector<int> exponents;
  for (Index n = 0; n < v.extent().images; ++n) {
    exponents.push_back(is_exact(v.radii, v.extent(), n) ? -(1 << 20)
                                                         : v.radii.exponent[static_cast<std::size_t>(n)]);
  }
  return channel_norms(v.extent(), exponents,
                       [&](Index i) { return v.radii.entry[static_cast<std::size_t>(i)]; });
}

/// |sum of products - sum of their midpoints' products| for channels o of dy and c of x (Cauchy-Schwarz):
/// ||dy|| ||error of x|| + ||error of dy|| (||x|| + ||error of x||).
class ProductErrors {
 public:
  ProductErrors(const FixedValues& dy, const FixedValues& x)
      : dy_(value_norms(dy)), x_(value_norms(x)), dy_error_(error_norms(dy)), x_error_(error_norms(x)) {
    const auto any = [](const ChannelNorms& n) {
      return std::any_of(n.of.begin(), n.of.end(), [](double v) { return v != 0; });
    };
    std::vector<int> units;
    if (any(x_error_)) units.push_back(dy_.exponent + x_error_.exponent);
    if (any(dy_error_)) units.push_back(dy_error_.exponent + x_.exponent);
    if (any(x_error_) && any(dy_error_)) units.push_back(dy_error_.exponent + x_error_.exponent);
    exact_ = units.empty();
    exponent_ = exact_ ? 0 : *std::max_element(units.begin(), units.end());
  }
  /// Whether neither operand has errors.
  bool exact() const { return exact_; }
  int exponent() const { return exponent_; }
  /// Whether one factor is certainly zero throughout: nothing is multiplied, nothing rounded.
  bool vanishes(Index o, Index c) const {
    const auto zero = [](const ChannelNorms& v, const ChannelNorms& e, Index i) {
      return v.of[static_cast<std::size_t>(i)] == 0 && e.of[static_cast<std::size_t>(i)] == 0;
    };
    return zero(dy_, dy_error_, o) || zero(x_, x_error_, c);
  }
  double of(Index o, Index c) const {
    return bound(term(dy_, o, x_error_, c) + term(dy_error_, o, x_, c) + term(dy_error_, o, x_error_, c));
  }

 private:
  double term(const ChannelNorms& a, Index i, const ChannelNorms& b, Index j) const {
    const double product = a.of[static_cast<std::size_t>(i)] * b.of[static_cast<std::size_t>(j)];
    return product == 0 ? 0 : product_of(product, scaled_bound(1, a.exponent + b.exponent - exponent_));
  }

  ChannelNorms dy_, x_, dy_error_, x_error_;
  bool exact_ = false;
  int exponent_ = 0;
};

void pixel_bounds_from_entries(Radii& radii, const Extent& x) {
  const std::vector<double> squares = squared_norms(radii.entry.data(), x);
  for (std::size_t p = 0; p < squares.size(); ++p) radii.pixel[p] = bound(std::sqrt(squares[p]));
}

}  // namespace

ParameterGradient weight_gradient(const LinearLayer& layer, const FixedValues& x, const FixedValues& dy,
                                  int limbs) {
  ParameterGradient out;
  double error = 0;
  out.mid = fixed_convolve_weight_gradient(layer.op, as_images(x.mid), as_images(dy.mid), limbs, error,
                                           layer.packs->device());
  const Index channels = layer.op.out_channels, in = layer.op.in_channels;
  out.group = layer.op.window.kernel_h * layer.op.window.kernel_w;
  const ProductErrors errors(dy, x);
  const int place = out.mid.exponent[0] - limb_bits * out.mid.limbs;
  out.radius_exponent = error == 0       ? errors.exponent()
                        : errors.exact() ? place
                                         : std::max(errors.exponent(), place);
  const double factor = scaled_bound(1, errors.exponent() - out.radius_exponent),
               rounding = scaled_bound(error, place - out.radius_exponent);
  out.radius.resize(static_cast<std::size_t>(channels * in));
  parallel_for(channels, [&](Index o) {
    for (Index c = 0; c < in; ++c) {
      const double e = errors.of(o, c);
      out.radius[static_cast<std::size_t>(o * in + c)] =
          bound((e == 0 ? 0 : e * factor) + (errors.vanishes(o, c) ? 0 : rounding));
    }
  });
  return out;
}

ParameterGradient channel_sums(const FixedValues& v, int limbs) {
  // The weight gradient of a 1x1 convolution of ones.
  const Extent x = v.extent();
  LinearLayer ones;
  ones.op = Conv2d{1, x.channels, Window::square(1, 1), false};
  FixedValues images = v;
  images.mid.shape = image_shape(v.shape());
  ParameterGradient sums =
      weight_gradient(ones, fixed_values(Tensor<double>({x.images, 1, x.h, x.w}, 1.0), 1), images, limbs);
  sums.mid.shape = {x.channels};
  return sums;
}

namespace {

/// |number i| error unit: 0 only where the number or the error is, not where the product underflows.
double times_error(const FixedTensor& v, Index i, double error, double unit) {
  if (error == 0 || v.sign(i) == 0) return 0;
  return std::max(v.magnitude(i) * error * unit, 0x1p-450);
}

}  // namespace

FixedValues multiply(const FixedValues& x, const FixedValues& y, int limbs) {
  const Extent e = x.extent();
  FixedSums sums(x.shape(), limbs + 1, e.images);
  sums.error = static_cast<double>(limbs);
  Radii radii(x.shape());
  for (Index n = 0; n < e.images; ++n) {
    const std::size_t at = static_cast<std::size_t>(n);
    sums.exponent[at] = x.mid.exponent[at] + y.mid.exponent[at];
    // Errors in units of the larger of |x| err(y) and err(x) |y|.
    radii.exponent[at] =
        std::max(x.mid.exponent[at] + y.radii.exponent[at], x.radii.exponent[at] + y.mid.exponent[at]);
  }
  std::vector<std::uint8_t> cut(static_cast<std::size_t>(sums.size()), 0);
  for_each_plane(e, [&](Index n, Index begin, Index end) {
    const std::size_t at = static_cast<std::size_t>(n);
    const int unit = radii.exponent[at];
    const double unit_xy = scaled_bound(1, x.mid.exponent[at] + y.radii.exponent[at] - unit),
                 unit_yx = scaled_bound(1, x.radii.exponent[at] + y.mid.exponent[at] - unit),
                 unit_rr = scaled_bound(1, x.radii.exponent[at] + y.radii.exponent[at] - unit);
    for (Index i = begin; i < end; ++i) {
      Digits a{}, b{}, product{};
      for (int l = 0; l < x.mid.limbs; ++l) a[static_cast<std::size_t>(l)] = x.mid.plane(l)[i];
      for (int l = 0; l < y.mid.limbs; ++l) b[static_cast<std::size_t>(l)] = y.mid.plane(l)[i];
      cut[static_cast<std::size_t>(i)] =
          multiply(a.data(), x.mid.limbs, b.data(), y.mid.limbs, limbs, product.data());
      for (int l = 0; l < sums.planes; ++l) sums.plane(l)[i] = product[static_cast<std::size_t>(l)];
      const double rx = x.radii.entry[static_cast<std::size_t>(i)],
                   ry = y.radii.entry[static_cast<std::size_t>(i)];
      radii.entry[static_cast<std::size_t>(i)] =
          bound((times_error(x.mid, i, ry, unit_xy) + times_error(y.mid, i, rx, unit_yx)) * slack +
                (rx == 0 || ry == 0 ? 0 : std::max(rx * ry, 0x1p-450) * unit_rr));
    }
  });
  pixel_bounds_from_entries(radii, e);
  return finish(std::move(sums), limbs, std::move(radii), cut);
}

FixedValues scale_channels(const FixedValues& x, const std::vector<MpfrInterval>& scale, int limbs) {
  return apply(channel_map(x.shape(), scale), x, {}, limbs);
}

}  // namespace gradzone
