#include "random_net.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/random.hpp"

namespace gradzone::support {
namespace {

/// How the entries of a tensor are drawn.
enum class Palette { halves, eighths, bits, generic, one_value };

class Generator {
 public:
  Generator(std::uint64_t seed, RandomNetOptions options) : random_(seed, "random net"), options_(options) {
    net_.seed = seed;
  }

  RandomNet make() {
    net_.format = all_formats[random_.below(all_formats.size())];
    net_.form = options_.composed && chance(0.3) ? Form::composed : Form::direct;
    palette_ = draw_palette();
    symmetric_ = chance(0.15);
    draw_graph();
    draw_parameters();
    draw_batch();
    draw_choices();
    return std::move(net_);
  }

 private:
  bool chance(double p) { return random_.uniform() < p; }
  Index between(Index low, Index high) {
    return low + static_cast<Index>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  template <class T, std::size_t n>
  T one_of(const std::array<T, n>& list) {
    return list[random_.below(n)];
  }
  double rounded(double x) const { return round_to_storage(net_.format, x); }
  std::string layer(const char* kind) { return std::string(kind) + std::to_string(++layers_); }

  Palette draw_palette() {
    return one_of(std::array{Palette::halves, Palette::halves, Palette::eighths, Palette::bits,
                             Palette::generic, Palette::one_value});
  }
  double draw_value(Palette palette, double shared) {
    switch (palette) {
      case Palette::halves:
        return one_of(std::array{-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0});
      case Palette::eighths:
        return static_cast<double>(between(-8, 8)) / 8;
      case Palette::bits:
        return one_of(std::array{0.0, 1.0, 1.0, -1.0});
      case Palette::generic:
        return rounded(random_.uniform(-1, 1));
      case Palette::one_value:
        return shared;
    }
    return 0;
  }

  // ---- the graph
  // -----------------------------------------------------------------------------------------------

  void draw_graph() {
    images_ = chance(0.65) ? 1 : between(2, 3);
    if (chance(0.03)) return draw_tied_means();
    const bool vector = chance(0.12);
    shape_ = vector ? Shape{between(1, 6)} : Shape{between(1, 2), between(1, 6), between(1, 6)};
    if (!vector && chance(0.15)) shape_[0] = 3;
    GraphBuilder builder("random", shape_);
    b_ = &builder;
    if (options_.norms && !vector && chance(0.08)) training_norm();
    if (!vector && chance(0.5)) {  // where ties of patches come from
      convolution();
      if (chance(0.4)) activation();
      max_pool();
    }
    const Index blocks = between(1, 4);
    for (Index k = 0; k < blocks; ++k) vector ? vector_block() : image_block();
    const Loss loss = chance(0.5) ? Loss::cross_entropy : Loss::output;
    head(loss);
    net_.graph = builder.build(loss);
    b_ = nullptr;
  }

  /// Means of the same three numbers in other orders, and means of equal numbers, compete for two maxima:
  /// real ties on which no choice matters, and rounding loses some of them.
  void draw_tied_means() {
    tied_means_ = true;
    const Loss loss = chance(0.5) ? Loss::cross_entropy : Loss::output;
    GraphBuilder builder("tied means", {1, 1, 18});
    builder.then("scale", Conv2d{1, 1, Window::square(1, 1), false});
    builder.then("avg", AvgPool2d{{1, 3, 1, 3, 0, 0}});
    builder.then("pool", MaxPool2d{{1, 3, 1, 3, 0, 0}, {}});
    builder.then("flatten", Flatten{});
    builder.then("fc", Linear{2, loss == Loss::output ? 1 : 2, chance(0.5)});
    net_.graph = builder.build(loss);
  }

  void vector_block() {
    if (chance(0.6)) {
      linear(between(1, 5));
    } else if (options_.norms && chance(0.3)) {
      norm();
    } else {
      activation();
    }
  }

  void image_block() {
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        convolution();
        break;
      case 4:
      case 5:
      case 6:
        activation();
        break;
      case 7:
      case 8:
      case 9:
        max_pool();
        break;
      case 10:
        chance(0.6) ? avg_pool() : norm_pool();
        break;
      case 11:
        norm();
        break;
      case 12:
        residual();
        break;
      case 13:
        concat();
        break;
      case 14:
        two_maxima();
        break;
      default:
        b_->then(layer("dropout"), Dropout{});
        break;
    }
  }

  void convolution() {
    Conv2d op{shape_[0], between(1, 3), fitting_window(3, true), chance(0.5)};
    b_->then(layer("conv"), op);
    shape_ = {op.out_channels, op.window.out_h(shape_[1]), op.window.out_w(shape_[2])};
  }

  /// A window that fits the current shape; convolutions may pad by more than half a kernel.
  Window fitting_window(Index largest, bool convolution) {
    Window w;
    const auto axis = [&](Index extent, Index& kernel, Index& stride, Index& padding, Index& trailing) {
      kernel = between(1, largest);
      padding = chance(0.3) ? (convolution ? 1 : kernel / 2) : 0;
      kernel = std::min(kernel, extent + 2 * padding);
      if (!convolution) padding = std::min(padding, kernel / 2);
      stride = chance(0.5) ? 1 : convolution ? 2 : kernel;
      // More or less behind the end than in front of the beginning; a pool's last window holds an entry.
      if (chance(0.3)) trailing = convolution || padding + 1 < kernel ? 1 : 0;
      if (chance(0.3) && extent + 2 * padding - 1 >= kernel && padding > 0) trailing = -1;
    };
    axis(shape_[1], w.kernel_h, w.stride_h, w.padding_h, w.trailing_h);
    axis(shape_[2], w.kernel_w, w.stride_w, w.padding_w, w.trailing_w);
    return w;
  }

  void activation() {
    const double kind = random_.uniform();
    Activation op;
    if (kind > 0.6) op.kind = Activation::Kind::leaky_relu;
    if (kind > 0.75) op.kind = Activation::Kind::relu6;
    if (kind > 0.87) op.kind = Activation::Kind::abs;
    op.negative_slope = one_of(std::array{0.5, 0.25, 0.125});
    b_->then(layer("act"), op);
  }

  void max_pool() {
    MaxPool2d op{fitting_window(3, false), {}};
    if (chance(0.15)) op.pinned_beta = one_of(std::array{0.0, 1.0, 0.5});
    b_->then(layer("pool"), op);
    pooled(op.window);
  }

  void avg_pool() {
    const AvgPool2d op{fitting_window(3, false)};
    b_->then(layer("avg"), op);
    pooled(op.window);
  }

  void norm_pool() {
    if (!options_.norms) return avg_pool();
    NormPool2d op;
    if (chance(0.5) && shape_[2] > 1) op.window = {1, 2, 1, 2, 0, 0};
    b_->then(layer("norm_pool"), op);
    pooled(op.window);
  }

  void pooled(const Window& w) { shape_ = {shape_[0], w.out_h(shape_[1]), w.out_w(shape_[2])}; }

  void norm() {
    if (!options_.norms) return;
    b_->then(layer("bn"),
             BatchNorm{shape_[0], one_of(std::array{0.0, 0.0625, 0.25}), BatchNorm::Mode::evaluation});
  }

  /// Training statistics on an input of two equally frequent values m - a and m + a: var + eps = a^2 + eps is
  /// the square of a rational for the pairs drawn here.
  void training_norm() {
    if (images_ * shape_[1] * shape_[2] % 2 == 1) return;
    const auto [a, eps] = one_of(
        std::array{std::pair{1.0, 0.0}, std::pair{0.5, 0.0}, std::pair{0.75, 1.0}, std::pair{1.5, 4.0}});
    two_valued_ = a;
    b_->then(layer("bn"), BatchNorm{shape_[0], eps, BatchNorm::Mode::training});
  }

  void residual() {
    const NodeId from = b_->last();
    const Index k = shape_[1] > 1 && shape_[2] > 1 && chance(0.5) ? 3 : 1;
    b_->then(layer("conv"), Conv2d{shape_[0], shape_[0], Window::square(k, 1, k / 2), chance(0.3)});
    if (chance(0.4)) activation();
    b_->add(layer("sum"), Add{chance(0.4)}, {b_->last(), from});
  }

  void concat() {
    const NodeId from = b_->last();
    const Index extra = between(1, 2);
    const NodeId side = b_->then(layer("conv"), Conv2d{shape_[0], extra, Window::square(1, 1), chance(0.3)});
    const bool twice = chance(0.5);
    b_->add(layer("cat"), Concat{}, twice ? std::vector{side, from, side} : std::vector{from, side});
    shape_[0] += twice ? 2 * extra : extra;
  }

  /// The paper's program: two maxima of the same windows, added or subtracted, one of them pinned.
  void two_maxima() {
    const NodeId from = b_->last();
    const Window w = fitting_window(2, false);
    const NodeId first = b_->add(layer("pool"), MaxPool2d{w, one_of(std::array{0.0, 1.0})}, {from});
    const NodeId second = b_->add(layer("pool"), MaxPool2d{w, {}}, {from});
    b_->add(layer("sum"), Add{chance(0.7)}, {first, second});
    pooled(w);
  }

  void linear(Index out) {
    b_->then(layer("fc"), Linear{shape_[0], out, chance(0.5)});
    shape_ = {out};
  }

  void head(Loss loss) {
    if (loss == Loss::output && element_count(shape_) == 1 && b_->last() != 0 && chance(0.7)) return;
    if (shape_.size() == 3) {
      if (chance(0.25)) {
        b_->then(layer("gap"), GlobalAvgPool{});
        shape_ = {shape_[0], 1, 1};
      }
      b_->then(layer("flatten"), Flatten{});
      shape_ = {element_count(shape_)};
    }
    if (chance(0.3)) {
      linear(between(1, 4));
      activation();
    }
    linear(loss == Loss::output ? 1 : between(2, 4));
  }

  // ---- the numbers
  // ---------------------------------------------------------------------------------------------

  void draw_parameters() {
    for (const ParameterSpec& spec : net_.graph.parameters()) {
      Tensor<double> t(spec.shape);
      const Node& node = net_.graph.node(spec.node);
      const Palette palette = chance(0.7) ? palette_ : draw_palette();
      const double shared = rounded(random_.uniform(-1, 1));
      for (double& v : t.data) v = draw_value(palette, shared);
      if (const auto* bn = std::get_if<BatchNorm>(&node.op)) {
        if (spec.name.ends_with("running_var")) {
          for (double& v : t.data) v = variance_for(bn->eps);
        }
      } else if (t.shape.size() == 4) {
        if (chance(0.3)) duplicate_filters(t);
        if (symmetric_) mirror(t);
      }
      if (options_.exponent_spread && spec.trainable && chance(0.3)) {
        const double factor = chance(0.5) ? 0x1p40 : 0x1p-40;
        for (double& v : t.data) v *= factor;
      }
      net_.parameters.push_back(std::move(t));
    }
    net_.parameters = finite(round_to_format(net_.parameters, net_.format));
  }

  /// var + eps is the square of a rational, and var a value of every format.
  double variance_for(double eps) {
    if (eps == 0.25) return one_of(std::array{0.75, 2.0});
    const double root = one_of(std::array{0.5, 1.0, 1.5, 2.0});
    return root * root - eps;
  }

  /// Exponents beyond the format are left out: a point's numbers are finite.
  static Parameters finite(Parameters parameters) {
    for (auto& t : parameters)
      for (double& v : t.data) v = std::isfinite(v) ? v : 1;
    return parameters;
  }

  void duplicate_filters(Tensor<double>& t) {
    const Index size = t.size() / t.dim(0);
    for (Index o = 1; o < t.dim(0); ++o) std::copy_n(t.data.begin(), size, t.data.begin() + o * size);
    if (t.dim(0) > 1 && chance(0.4)) perturb(t, size);
  }

  /// Moves one entry from `begin` on by one unit in the last place.
  void perturb(Tensor<double>& t, Index begin) {
    double& v = t[between(begin, t.size() - 1)];
    v = next_away(v, net_.format);
  }

  void draw_batch() {
    Shape shape = net_.graph.input_shape();
    shape.insert(shape.begin(), images_);
    Tensor<double> x(shape);
    const Palette palette = draw_palette();
    const double shared = rounded(random_.uniform(0, 1));
    for (double& v : x.data) v = draw_value(palette, shared);
    if (tied_means_) {
      permuted_triples(x);
    } else if (two_valued_ > 0) {
      two_values(x);
    } else if (shape.size() == 4) {
      if (chance(0.25)) constant_region(x);
      if (symmetric_) mirror(x);
      if (chance(0.1)) three_four(x);
    }
    if (images_ > 1 && two_valued_ == 0 && chance(0.4)) {
      const Index size = x.size() / images_;
      std::copy_n(x.data.begin(), size, x.data.begin() + size);
    }
    if (two_valued_ == 0 && !tied_means_ && chance(0.3)) perturb(x, 0);
    net_.batch.x = round_to_format(MiniBatch{std::move(x), {}}, net_.format).x;
    if (net_.graph.loss() == Loss::output) return;
    for (Index n = 0; n < images_; ++n)
      net_.batch.labels.push_back(static_cast<int>(between(0, net_.graph.classes() - 1)));
  }

  template <class Visit>
  void for_each_pixel(Tensor<double>& x, Visit&& visit) {
    const Index h = x.dim(2), w = x.dim(3);
    for (Index plane = 0; plane < x.dim(0) * x.dim(1); ++plane)
      for (Index i = 0; i < h; ++i)
        for (Index j = 0; j < w; ++j) visit(plane, i, j, x[(plane * h + i) * w + j]);
  }

  /// Everything right of and below a random corner has one value.
  void constant_region(Tensor<double>& x) {
    const Index top = between(0, x.dim(2) / 2), left = between(0, x.dim(3) / 2);
    const double value = draw_value(draw_palette(), rounded(random_.uniform(0, 1)));
    for_each_pixel(x, [&](Index, Index i, Index j, double& v) {
      if (i >= top && j >= left) v = value;
    });
  }

  /// Left-right symmetric, images and kernels alike: patches with the same products in another order, so real
  /// ties that rounding may lose.
  void mirror(Tensor<double>& x) {
    const Index w = x.dim(3);
    for_each_pixel(x, [&](Index plane, Index i, Index j, double& v) {
      if (2 * j >= w) v = x[(plane * x.dim(2) + i) * w + (w - 1 - j)];
    });
  }

  /// Entries of Pythagorean windows, and zeros.
  void three_four(Tensor<double>& x) {
    const bool zero = chance(0.3);
    for_each_pixel(x, [&](Index, Index i, Index j, double& v) {
      v = zero && i % 2 == 0 ? 0 : j % 2 == 0 ? 3 : -4;
    });
  }

  /// Nine entries of three numbers in three orders, then nine equal ones, in every image.
  void permuted_triples(Tensor<double>& x) {
    for (Index n = 0; n < images_; ++n) {
      double* row = &x[18 * n];
      for (int k = 0; k < 3; ++k) row[k] = random_.uniform(0, 1);
      for (int k = 3; k < 9; ++k) row[k] = row[(k % 3 + k / 3) % 3];
      std::fill(row + 9, row + 18, random_.uniform(0, 1));
    }
  }

  /// In every channel of the batch half the entries are m - a and half m + a.
  void two_values(Tensor<double>& x) {
    const Index area = x.dim(2) * x.dim(3), members = images_ * area;
    for (Index c = 0; c < x.dim(1); ++c) {
      const double middle = one_of(std::array{0.0, 0.5, 1.0});
      const auto order = random_permutation(members, random_);
      for (Index m = 0; m < members; ++m) {
        const Index n = m / area, at = (n * x.dim(1) + c) * area + m % area;
        x[at] = middle + (order[static_cast<std::size_t>(m)] % 2 == 0 ? two_valued_ : -two_valued_);
      }
    }
  }

  void draw_choices() {
    const auto pick = [&](const char* text) { net_.choices = parse_choices(text); };
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2:
        pick("native,minimal");
        break;
      case 3:
        pick("native,beta=10");
        break;
      case 4:
        pick("native,minimal,beta=1000");
        break;
      case 5:
        pick("native,native+relu=1");
        break;
      case 6:
        pick("native+relu=0.5,minimal+relu=1+abs=1,native");
        break;
      case 7:
        pick("native,native+leaky=1+relu6=1:0.5+abs=1");
        break;
      case 8:
        pick("native,native+normpool=1");
        break;
      default:
        pick("native,minimal+relu=1+leaky=0.5+relu6=0.5:1+abs=-1+normpool=1");
        break;
    }
  }

  RandomStream random_;
  RandomNetOptions options_;
  RandomNet net_;
  GraphBuilder* b_ = nullptr;
  Shape shape_;
  Index images_ = 1;
  int layers_ = 0;
  Palette palette_ = Palette::halves;
  bool symmetric_ = false;  ///< kernels and images are mirror images of themselves
  bool tied_means_ = false;
  double two_valued_ = 0;  ///< half the distance of the two input values, or 0
};

}  // namespace

RandomNet random_net(std::uint64_t seed, RandomNetOptions options) {
  return Generator(seed, options).make();
}

std::string RandomNet::describe() const {
  return "seed " + std::to_string(seed) + ", " + std::string(name(format)) + ", " + std::string(name(form)) +
         ", " + names(choices) + ", " + std::to_string(batch.size()) + " images\n" + graph.describe();
}

double next_away(double x, FormatId format) {
  if (x == 0) return 0;
  return visit_format(format, [x](auto f) {
    using F = typename decltype(f)::type;
    const int exponent = std::max(std::ilogb(x), F::emin);
    return x + std::copysign(std::ldexp(1.0, exponent - (F::precision - 1)), x);
  });
}

}  // namespace gradzone::support
