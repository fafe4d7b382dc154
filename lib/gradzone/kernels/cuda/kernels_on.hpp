// KernelsOn<F, Queue>: the kernels of one format as bodies that a queue runs (launch.hpp).
#pragma once

#include <cassert>
#include <limits>
#include <utility>

#include "gradzone/kernels/cuda/bodies/batch_norm.hpp"
#include "gradzone/kernels/cuda/bodies/convolution.hpp"
#include "gradzone/kernels/cuda/bodies/group_sums.hpp"
#include "gradzone/kernels/cuda/bodies/loss.hpp"
#include "gradzone/kernels/cuda/bodies/narrow_weights.hpp"
#include "gradzone/kernels/cuda/bodies/pools.hpp"
#include "gradzone/kernels/cuda/device_kernels.hpp"
#include "gradzone/kernels/cuda/tiles.hpp"

namespace gradzone::device {

/// Sizes that the bodies compute with in 31 bits.
inline int small(Index size) {
  assert(size <= std::numeric_limits<std::int32_t>::max());
  return static_cast<int>(size);
}
inline Conv2d as_convolution(const Linear& op) {
  return {op.in_features, op.out_features, Window{}, op.bias};
}
inline Shape as_images(Index images, Index features) {
  return {images, 1, 1, features};
}

template <class F, class Queue>
class KernelsOn : public Kernels<F, DeviceMemory> {
 public:
  using Base = Kernels<F, DeviceMemory>;
  using typename Base::Labels;
  using typename Base::Real;
  using typename Base::Sets;
  using typename Base::State;
  using typename Base::T;

  KernelsOn(DeviceMemory memory, Queue queue) : Base(memory), queue_(std::move(queue)) {}

  void conv2d(const Conv2d& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    shape(y, {x.dim(0), op.window.out_h(x.dim(1)), op.window.out_w(x.dim(2)), op.out_channels});
    products(op, x.shape, x, w, bias, after, y);
  }
  void conv2d_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) const override {
    shape(dx, dx.shape);
    input_gradient(op, dx.shape, dy, w, dx);
  }
  void conv2d_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw, T* db) const override {
    shape(dw, {op.out_channels, op.in_channels, op.window.kernel_h, op.window.kernel_w});
    weight_gradient(op, x.shape, x, dy, dw, db);
  }

  void linear(const Linear& op, const T& x, const T& w, const T* bias, After after, T& y) const override {
    shape(y, {x.dim(0), op.out_features});
    products(as_convolution(op), as_images(x.dim(0), op.in_features), x, w, bias, after, y);
  }
  void linear_input_gradient(const Linear& op, const T& dy, const T& w, T& dx) const override {
    shape(dx, {dy.dim(0), op.in_features});
    input_gradient(as_convolution(op), as_images(dy.dim(0), op.in_features), dy, w, dx);
  }
  void linear_weight_gradient(const Linear& op, const T& x, const T& dy, T& dw, T* db) const override {
    shape(dw, {op.out_features, op.in_features});
    weight_gradient(as_convolution(op), as_images(x.dim(0), op.in_features), x, dy, dw, db);
  }

  void activation(const Activation& op, const T& x, T& y) const override {
    shape(y, x.shape);
    each(x.size(), Activate<F>{Segments<F>(op, Choice{}), in(x), out(y)});
  }
  void activation_gradient(const Activation& op, const Choice& choice, const T& x, const T& dy,
                           T& dx) const override {
    shape(dx, x.shape);
    each(x.size(), ActivateGradient<F>{Segments<F>(op, choice), in(x), in(dy), out(dx)});
  }

  void max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y,
                Sets& sets) const override {
    pooled(op.window, x, y);
    sets.resize(device(), static_cast<std::size_t>(y.size() * op.window.kernel_h * op.window.kernel_w));
    const double beta = beta_of(op, choice);
    each(y.size(), MaxPool<F>{Pool(op.window, x.shape), in(x), out(y), sets.data(), form == Form::composed,
                              F::scalar(beta), F::scalar(1 - beta)});
  }
  void max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const Sets& sets, const T& dy,
                         T& dx) const override {
    shape(dx, dx.shape);
    const double beta = beta_of(op, choice);
    each(dx.size(), MaxPoolGradient<F>{Pool(op.window, dx.shape), sets.data(), in(dy), out(dx),
                                       form == Form::composed, F::scalar(beta), F::scalar(1 - beta)});
  }
  void avg_pool(const Window& window, const T& x, T& y) const override {
    pooled(window, x, y);
    each(y.size(), AvgPool<F>{Pool(window, x.shape), in(x), out(y)});
  }
  void avg_pool_gradient(const Window& window, const T& dy, T& dx) const override {
    shape(dx, dx.shape);
    each(dx.size(), AvgPoolGradient<F>{Pool(window, dx.shape), in(dy), out(dx)});
  }
  void norm_pool(const Window& window, const T& x, T& y) const override {
    pooled(window, x, y);
    each(y.size(), NormPool<F>{Pool(window, x.shape), in(x), out(y)});
  }
  void norm_pool_gradient(const Window& window, const Choice& choice, const T& x, const T& dy,
                          T& dx) const override {
    shape(dx, dx.shape);
    each(dx.size(), NormPoolGradient<F>{Pool(window, dx.shape), in(x), in(dy), out(dx),
                                        F::scalar(choice.normpool_at_0)});
  }

  void batch_norm(const BatchNorm& op, const T& x, const T& weight, const T& bias, const T& running_mean,
                  const T& running_var, T& y, State& state) const override {
    const Index channels = x.shape.back(), groups = groups_of(x);
    const Real count = static_cast<Real>(x.size() / channels);
    shape(y, x.shape);
    state.mean = running_mean.data;
    state.variance = running_var.data;
    state.inverse_deviation.resize(device(), static_cast<std::size_t>(channels));
    Real *mean = state.mean.data(), *variance = state.variance.data();
    if (op.mode == BatchNorm::Mode::training) {
      sum_groups(PlainTerm<F>{in(x)}, x);
      each(channels, BatchMean<F>{sums_.data(), mean, groups, channels, count});
      sum_groups(SquareTerm<F>{in(x), mean}, x);
      each(channels, BatchMean<F>{sums_.data(), variance, groups, channels, count});
    }
    each(channels, InverseDeviation<F>{variance, state.inverse_deviation.data(), F::scalar(op.eps)});
    each(x.size(), Normalise<F>{in(x), in(weight), in(bias), mean, state.inverse_deviation.data(), out(y),
                                Divisor(small(channels))});
  }
  void batch_norm_gradient(const BatchNorm& op, const T& x, const T& weight, const State& state, const T& dy,
                           T& dx, T& dw, T& db) const override {
    const Index channels = x.shape.back(), groups = groups_of(x);
    const Real count = static_cast<Real>(x.size() / channels);
    const Real *mean = state.mean.data(), *inverse = state.inverse_deviation.data();
    shape(dx, x.shape);
    shape(dw, {channels});
    shape(db, {channels});
    sum_groups(NormalisedTerm<F>{in(x), in(dy), mean, inverse}, x);
    means_.resize(device(), static_cast<std::size_t>(2 * channels));
    Real *mean_g = means_.data(), *mean_gx = mean_g + channels;
    each(channels,
         ChannelGradients<F>{sums_.data(), out(dw), out(db), mean_g, mean_gx, groups, channels, count});
    each(x.size(), NormaliseGradient<F>{in(x), in(dy), in(weight), mean, inverse, mean_g, mean_gx, out(dx),
                                        Divisor(small(channels)), op.mode == BatchNorm::Mode::training});
  }

  void add(const Add& op, const T& a, const T& b, T& y) const override {
    shape(y, a.shape);
    each(a.size(), AddEntries<F>{in(a), in(b), out(y), op.subtract});
  }

  void cross_entropy(const T& logits, const Labels& labels, T& loss, T* dz) const override {
    const Index images = logits.dim(0), groups = groups_of(logits);
    const Real count = static_cast<Real>(images);
    exponentials_.resize(device(), static_cast<std::size_t>(logits.size()));
    shape(losses_, {images, 1});
    if (dz) shape(*dz, logits.shape);
    queue_.run(images, CrossEntropy<F>{in(logits), labels.data(), exponentials_.data(), out(losses_),
                                       dz ? out(*dz) : nullptr, logits.dim(1), count});
    sum_groups(PlainTerm<F>{in(losses_)}, losses_);
    shape(loss, {1});
    each(1, MeanLoss<F>{sums_.data(), out(loss), groups, count});
  }
  void output_sum(const T& output, T& sum, T* gradient) const override {
    shape(sum, {1});
    each(1, ChainSum<F>{in(output), out(sum), output.size()});
    if (!gradient) return;
    shape(*gradient, output.shape);
    each(output.size(), Fill<Real>{out(*gradient), Real(1)});
  }

  void concatenate(const std::vector<const T*>& parts, T& y) const override {
    Index first = 0;
    for (const T* part : parts) {
      copy_channels(in(*part), part->shape.back(), out(y) + first, y.shape.back(), part->shape.back(), y);
      first += part->shape.back();
    }
  }
  void concatenate_gradient(const T& dy, Index first, T& dx) const override {
    copy_channels(in(dy) + first, dy.shape.back(), out(dx), dx.shape.back(), dx.shape.back(), dx);
  }
  void flatten(const T& x, T& y) const override {
    const Index images = x.dim(0), channels = x.shape.back(), features = x.size() / images;
    shape(y, {images, features});
    transpose(x, y, features / channels, channels);
  }
  void flatten_gradient(const T& dy, T& dx) const override {
    const Index channels = dx.shape.back();
    transpose(dy, dx, channels, dy.size() / dy.dim(0) / channels);
  }
  void negate(const T& x, T& y) const override {
    shape(y, x.shape);
    each(x.size(), Negate<F>{in(x), out(y)});
  }
  void round(T& x) const override { each(x.size(), Round<F>{out(x)}); }
  /// For a weight gradient beside an input gradient: they share no memory between their bodies.
  void side_by_side(const std::function<void()>& first, const std::function<void()>& second) const override {
    device().side_by_side(first, second);
  }

 protected:
  Device& device() const { return *this->memory().device; }
  static const Real* in(const T& t) { return t.data.data(); }
  static Real* out(T& t) { return t.data.data(); }
  void shape(T& t, const Shape& s) const { reshape(this->memory(), t, s); }
  template <class Map>
  void each(Index count, const Map& map) const {
    run_each(queue_, small(count), map);
  }

  // Convolutions of images of x_shape, and linear layers as such. Results have their shapes already.
  virtual void products(const Conv2d& op, const Shape& x_shape, const T& x, const T& w, const T* bias,
                        After after, T& y) const {
    const Convolution c(op, x_shape);
    arranged_.resize(device(), static_cast<std::size_t>(w.size()));
    using Arrange = OutputsLast<Real>;
    const Index across = Arrange::squares(c.in * c.taps());
    queue_.run(Arrange::squares(c.out) * across,
               Arrange{in(w), arranged_.data(), c.out, c.in, c.taps(), small(across)});
    run_products<F>(queue_, device().multiprocessors(),
                    ImageProducts<F>{c, false, in(x), arranged_.data(), bias ? in(*bias) : nullptr, out(y),
                                     after == After::relu, vectors(c.in), vectors(c.out)});
  }
  virtual void input_gradient(const Conv2d& op, const Shape& x_shape, const T& dy, const T& w, T& dx) const {
    const Convolution c(op, x_shape);
    const Real* weights = in(w);
    if (c.taps() > 1) {
      arranged_.resize(device(), static_cast<std::size_t>(w.size()));
      const Index channels = Index{c.out} * c.in;
      each(channels, TapsFirst<Real>{weights, arranged_.data(), c.taps(), channels});
      weights = arranged_.data();
    }
    run_products<F>(
        queue_, device().multiprocessors(),
        ImageProducts<F>{c, true, in(dy), weights, nullptr, out(dx), false, vectors(c.out), vectors(c.in)});
  }
  virtual void weight_gradient(const Conv2d& op, const Shape& x_shape, const T& x, const T& dy, T& dw,
                               T* db) const {
    const Convolution c(op, x_shape);
    WeightProducts<F> problem{c, in(x), in(dy), nullptr, vectors(c.out), vectors(c.in)};
    const Index channels = Index{c.out} * c.in;
    groups_.resize(device(), static_cast<std::size_t>(problem.groups() * dw.size()));
    problem.target = groups_.data();
    using Narrow = NarrowWeights<F>;
    if (c.in <= Narrow::columns) {
      queue_.run(problem.blocks(Narrow::rows, Narrow::columns), Narrow{problem});
    } else {
      run_products<F>(queue_, device().multiprocessors(), problem);
    }
    each(channels, AddGroups<F>{groups_.data(), out(dw), problem.groups(), c.taps(), channels});
    if (db) bias_gradient(dy, *db);
  }
  void bias_gradient(const T& dy, T& db) const {
    const Index channels = dy.shape.back();
    shape(db, {channels});
    sum_groups(PlainTerm<F>{in(dy)}, dy);
    each(channels, StoreSums<F>{sums_.data(), out(db), groups_of(dy), channels});
  }

 private:
  void pooled(const Window& window, const T& x, T& y) const {
    shape(y, {x.dim(0), window.out_h(x.dim(1)), window.out_w(x.dim(2)), x.dim(3)});
  }
  static bool vectors(Index channels) { return channels % Vector<Real>::size == 0; }

  static Index groups_of(const T& x) { return (x.dim(0) + images_per_group - 1) / images_per_group; }
  /// sums_ = the term's sums over every group of images of a tensor like x.
  template <class Term>
  void sum_groups(const Term& term, const T& x) const {
    using Body = GroupSums<F, Term>;
    const Index channels = x.shape.back(), groups = groups_of(x), pixels = x.size() / channels;
    const Index channel_blocks = (channels + Body::lanes - 1) / Body::lanes;
    sums_.resize(device(), static_cast<std::size_t>(Term::sums * groups * channels));
    queue_.run(groups * channel_blocks, Body{term, sums_.data(), small(channels), small(channel_blocks),
                                             pixels, pixels / x.dim(0) * images_per_group, groups});
  }

  void transpose(const T& from, T& to, Index rows, Index columns) const {
    each(from.size(),
         TransposeImages<Real>{in(from), out(to), Divisor(small(rows)), Divisor(small(columns))});
  }
  /// `channels` neighbours of every pixel of a tensor like t.
  void copy_channels(const Real* from, Index from_pitch, Real* to, Index to_pitch, Index channels,
                     const T& t) const {
    const auto bytes = [](Index count) { return static_cast<std::size_t>(count) * sizeof(Real); };
    device().copy_rows(to, bytes(to_pitch), from, bytes(from_pitch), bytes(channels),
                       static_cast<std::size_t>(t.size() / t.shape.back()));
  }

  Queue queue_;
  // Memory between the bodies of an operation.
  mutable DeviceArray<Real> arranged_, groups_, sums_, means_, exponentials_;
  mutable T losses_;
};

}  // namespace gradzone::device
