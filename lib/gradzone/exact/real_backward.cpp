#include "gradzone/exact/real_backward.hpp"

#include <algorithm>

#include "gradzone/base/parallel.hpp"
#include "gradzone/graph/window_walk.hpp"

namespace gradzone {
namespace {

template <class A>
class BackwardPass {
 public:
  using Number = typename A::Number;
  using T = Tensor<Number>;

  BackwardPass(const A& arithmetic, const Graph& graph, const std::vector<T>& parameters,
               const RealForward<A>& forward, const Choice& choice)
      : a_(arithmetic), graph_(graph), parameters_(parameters), forward_(forward), choice_(choice) {}

  std::optional<RealGradient<A>> run(T output_gradient) {
    const auto& nodes = graph_.nodes();
    gradient_.resize(graph_.parameters().size());
    outputs_.resize(nodes.size());
    outputs_.back() = std::move(output_gradient);
    next_branches_ = forward_.branches.size();
    for (std::size_t i = nodes.size() - 1; i > 0; --i) {
      id_ = static_cast<NodeId>(i);
      node_ = &nodes[i];
      dy_ = std::move(outputs_[i]);
      if (has_kink(node_->op)) --next_branches_;
      std::visit([this](const auto& op) { (*this)(op); }, node_->op);
      if (blocked_) return std::nullopt;
    }
    return std::move(gradient_);
  }

 private:
  const T& x(std::size_t k = 0) const { return forward_.values[static_cast<std::size_t>(node_->inputs[k])]; }
  const T& parameter(std::size_t k) const {
    return parameters_[static_cast<std::size_t>(node_->first_parameter) + k];
  }
  T& parameter_gradient(std::size_t k, Shape shape) {
    T& g = gradient_[static_cast<std::size_t>(node_->first_parameter) + k];
    g = T(std::move(shape));
    return g;
  }
  bool wanted(std::size_t k = 0) const { return node_->inputs[k] != 0; }
  const LayerBranches& branches() const { return forward_.branches[next_branches_]; }

  void accumulate(std::size_t k, T contribution) {
    T& sum = outputs_[static_cast<std::size_t>(node_->inputs[k])];
    if (sum.empty()) {
      sum = std::move(contribution);
      return;
    }
    for (Index i = 0; i < sum.size(); ++i) sum[i] = a_.add(sum[i], contribution[i]);
  }

  void operator()(const Input&) {}

  void operator()(const Conv2d& op) {
    const Shape& in = x().shape;
    const Index images = in[0], channels = in[1], plane = in[2] * in[3];
    const Index out_channels = op.out_channels, out_plane = dy_.dim(2) * dy_.dim(3), out_w = dy_.dim(3);
    const Index kernel = op.window.kernel_h * op.window.kernel_w;
    const T& w = parameter(0);
    std::vector<std::vector<WindowEntry>> windows;
    for (Index at = 0; at < out_plane; ++at) {
      windows.push_back(window_entries(op.window, in[2], in[3], at / out_w, at % out_w));
    }
    T& dw = parameter_gradient(0, w.shape);
    parallel_for(out_channels * channels, [&](Index oc) {
      const Index o = oc / channels, c = oc % channels;
      std::vector<typename A::Sum> sums;
      for (Index p = 0; p < kernel; ++p) sums.push_back(a_.sum());
      for (Index n = 0; n < images; ++n)
        for (Index at = 0; at < out_plane; ++at) {
          const Number& g = dy_[(n * out_channels + o) * out_plane + at];
          if (A::is_zero(g)) continue;
          for (const WindowEntry& e : windows[static_cast<std::size_t>(at)]) {
            sums[static_cast<std::size_t>(e.position)].add_product(
                g, x()[(n * channels + c) * plane + e.offset]);
          }
        }
      for (Index p = 0; p < kernel; ++p) dw[oc * kernel + p] = sums[static_cast<std::size_t>(p)].take();
    });
    if (op.bias) {
      T& db = parameter_gradient(1, {out_channels});
      for (Index o = 0; o < out_channels; ++o) {
        auto sum = a_.sum();
        for (Index n = 0; n < images; ++n)
          for (Index at = 0; at < out_plane; ++at)
            add_nonzero(sum, dy_[(n * out_channels + o) * out_plane + at]);
        db[o] = sum.take();
      }
    }
    if (!wanted()) return;
    T dx(in);
    parallel_for(images * channels, [&](Index nc) {
      const Index n = nc / channels, c = nc % channels;
      std::vector<typename A::Sum> sums;
      for (Index i = 0; i < plane; ++i) sums.push_back(a_.sum());
      for (Index o = 0; o < out_channels; ++o)
        for (Index at = 0; at < out_plane; ++at) {
          const Number& g = dy_[(n * out_channels + o) * out_plane + at];
          if (A::is_zero(g)) continue;
          for (const WindowEntry& e : windows[static_cast<std::size_t>(at)]) {
            sums[static_cast<std::size_t>(e.offset)].add_product(g,
                                                                 w[(o * channels + c) * kernel + e.position]);
          }
        }
      for (Index i = 0; i < plane; ++i) dx[nc * plane + i] = sums[static_cast<std::size_t>(i)].take();
    });
    accumulate(0, std::move(dx));
  }

  void operator()(const Linear& op) {
    const Index images = dy_.dim(0), in = op.in_features, out = op.out_features;
    const T& w = parameter(0);
    T& dw = parameter_gradient(0, {out, in});
    parallel_for(out, [&](Index o) {
      for (Index k = 0; k < in; ++k) {
        auto sum = a_.sum();
        for (Index n = 0; n < images; ++n) {
          const Number& g = dy_[n * out + o];
          if (!A::is_zero(g) && !A::is_zero(x()[n * in + k])) sum.add_product(g, x()[n * in + k]);
        }
        dw[o * in + k] = sum.take();
      }
    });
    if (op.bias) {
      T& db = parameter_gradient(1, {out});
      for (Index o = 0; o < out; ++o) {
        auto sum = a_.sum();
        for (Index n = 0; n < images; ++n) add_nonzero(sum, dy_[n * out + o]);
        db[o] = sum.take();
      }
    }
    if (!wanted()) return;
    T dx({images, in});
    parallel_for(images * in, [&](Index nk) {
      const Index n = nk / in, k = nk % in;
      auto sum = a_.sum();
      for (Index o = 0; o < out; ++o) {
        const Number& g = dy_[n * out + o];
        if (!A::is_zero(g)) sum.add_product(g, w[o * in + k]);
      }
      dx[nk] = sum.take();
    });
    accumulate(0, std::move(dx));
  }

  static void add_nonzero(typename A::Sum& sum, const Number& g) {
    if (!A::is_zero(g)) sum.add(g);
  }

  void operator()(const Activation& op) {
    if (!wanted()) return;
    const PiecewiseLinear f = piecewise(op);
    const std::vector<double> at_kinks = derivative_at_kinks(op, choice_);
    T dx(x().shape);
    for (Index i = 0; i < dx.size(); ++i) {
      if (A::is_zero(dy_[i])) continue;
      const std::uint8_t code = branches().codes[static_cast<std::size_t>(i)];
      if (code == unknown_branch) {
        blocked_ = true;
        return;
      }
      dx[i] = scaled(code % 2 ? at_kinks[code / 2u] : f.slopes[code / 2u], dy_[i]);
    }
    accumulate(0, std::move(dx));
  }

  Number scaled(double factor, const Number& g) const {
    if (factor == 1) return g;
    return factor == 0 ? a_.from(0) : a_.multiply(a_.from(factor), g);
  }

  void operator()(const MaxPool2d& op) {
    if (!wanted()) return;
    const double beta = beta_of(op, choice_);
    const Number native_share = a_.subtract(a_.from(1), a_.from(beta));
    const Index window = op.window.kernel_h * op.window.kernel_w;
    scatter(op.window, [&](Index output, const std::vector<WindowEntry>& entries, auto&& give) {
      const std::uint8_t* codes = &branches().codes[static_cast<std::size_t>(output * window)];
      const Index size = std::count(codes, codes + window, std::uint8_t{1});
      if (std::find(codes, codes + window, unknown_branch) != codes + window) {
        blocked_ = true;
        return;
      }
      const Number share = a_.divide(a_.from(beta), size);
      bool first = true;
      for (const WindowEntry& e : entries) {
        if (codes[e.position] == 0) continue;
        // A maximum attained once passes the whole derivative, whatever beta is.
        const Number weight = size == 1 ? a_.from(1) : first ? a_.add(share, native_share) : share;
        if (!A::is_zero(weight)) give(e, size == 1 ? dy_[output] : a_.multiply(weight, dy_[output]));
        first = false;
      }
    });
  }

  void operator()(const AvgPool2d& op) { average(op.window); }
  void operator()(const GlobalAvgPool&) { average(whole_image(graph_.node(node_->inputs[0]).shape)); }

  void average(const Window& w) {
    if (!wanted()) return;
    scatter(w, [&](Index output, const std::vector<WindowEntry>& entries, auto&& give) {
      const Number share = a_.divide(dy_[output], w.kernel_h * w.kernel_w);
      for (const WindowEntry& e : entries) give(e, share);
    });
  }

  void operator()(const NormPool2d& op) {
    if (!wanted()) return;
    const T& norms = forward_.values[static_cast<std::size_t>(id_)];
    scatter(op.window, [&](Index output, const std::vector<WindowEntry>& entries, auto&& give) {
      const std::uint8_t code = branches().codes[static_cast<std::size_t>(output)];
      if (code == unknown_branch) {
        blocked_ = true;
        return;
      }
      const Index base = output / (dy_.dim(2) * dy_.dim(3)) * x().dim(2) * x().dim(3);
      for (const WindowEntry& e : entries) {
        if (code == 1) {
          give(e, scaled(choice_.normpool_at_0, dy_[output]));
        } else {
          give(e, a_.multiply(dy_[output], a_.divide(x()[base + e.offset], norms[output])));
        }
      }
    });
  }

  /// Sums what every window gives its entries; windows whose derivative is exactly zero give nothing.
  template <class PerWindow>
  void scatter(const Window& w, PerWindow&& per_window) {
    const Index h = x().dim(2), width = x().dim(3), out_h = dy_.dim(2), out_w = dy_.dim(3);
    T dx(x().shape);
    for (Index output = 0; output < dy_.size() && !blocked_; ++output) {
      if (A::is_zero(dy_[output])) continue;
      const Index base = output / (out_h * out_w) * h * width;
      per_window(output, window_entries(w, h, width, output / out_w % out_h, output % out_w),
                 [&](const WindowEntry& e, const Number& value) {
                   Number& sum = dx[base + e.offset];
                   sum = A::is_zero(sum) ? value : a_.add(sum, value);
                 });
    }
    accumulate(0, std::move(dx));
  }

  void operator()(const BatchNorm& op) {
    const Index images = x().dim(0), channels = x().dim(1), area = x().size() / (images * channels);
    const auto& state = forward_.batch_norm[static_cast<std::size_t>(id_)];
    T& dw = parameter_gradient(0, {channels});
    T& db = parameter_gradient(1, {channels});
    T dx(x().shape);
    for (Index c = 0; c < channels; ++c) {
      const Number& inverse = state.inverse_deviation[static_cast<std::size_t>(c)];
      const auto normalised = [&](Index i) {
        return a_.multiply(a_.subtract(x()[i], state.mean[static_cast<std::size_t>(c)]), inverse);
      };
      std::vector<Index> entries;
      for (Index n = 0; n < images; ++n)
        for (Index k = 0; k < area; ++k) entries.push_back((n * channels + c) * area + k);
      auto sum_g = a_.sum(), sum_gx = a_.sum();
      for (const Index i : entries) {
        if (A::is_zero(dy_[i])) continue;
        sum_g.add(dy_[i]);
        sum_gx.add_product(dy_[i], normalised(i));
      }
      db[c] = sum_g.take();
      dw[c] = sum_gx.take();
      const Number scale = a_.multiply(parameter(0)[c], inverse);
      const Index count = static_cast<Index>(entries.size());
      const Number mean_g = a_.divide(db[c], count), mean_gx = a_.divide(dw[c], count);
      for (const Index i : entries) {
        if (op.mode == BatchNorm::Mode::evaluation) {
          dx[i] = a_.multiply(scale, dy_[i]);
        } else {
          const Number centred =
              a_.subtract(a_.subtract(dy_[i], mean_g), a_.multiply(normalised(i), mean_gx));
          dx[i] = a_.multiply(scale, centred);
        }
      }
    }
    if (wanted()) accumulate(0, std::move(dx));
  }

  void operator()(const Add& op) {
    if (wanted(0)) accumulate(0, dy_);
    if (!wanted(1)) return;
    T second = dy_;
    if (op.subtract) {
      for (Number& v : second.data) v = a_.subtract(a_.from(0), v);
    }
    accumulate(1, std::move(second));
  }

  void operator()(const Concat&) {
    const Index images = dy_.dim(0), stride = dy_.size() / images;
    Index offset = 0;
    for (std::size_t k = 0; k < node_->inputs.size(); ++k) {
      const Index size = x(k).size() / images;
      if (wanted(k)) {
        T part(x(k).shape);
        for (Index n = 0; n < images; ++n)
          for (Index i = 0; i < size; ++i) part[n * size + i] = dy_[n * stride + offset + i];
        accumulate(k, std::move(part));
      }
      offset += size;
    }
  }
  void operator()(const Flatten&) { pass(); }
  void operator()(const Dropout&) { pass(); }
  void pass() {
    if (wanted()) accumulate(0, T(x().shape, dy_.data));
  }

  const A& a_;
  const Graph& graph_;
  const std::vector<T>& parameters_;
  const RealForward<A>& forward_;
  const Choice& choice_;
  RealGradient<A> gradient_;
  std::vector<T> outputs_;
  std::size_t next_branches_ = 0;
  bool blocked_ = false;  ///< an unknown branch lies in the way of a nonzero derivative
  // The node being passed.
  NodeId id_ = 0;
  const Node* node_ = nullptr;
  T dy_;
};

}  // namespace

template <class A>
std::optional<RealGradient<A>> real_backward(const A& arithmetic, const Graph& graph,
                                             const std::vector<Tensor<typename A::Number>>& parameters,
                                             const RealForward<A>& forward, const Choice& choice,
                                             Tensor<typename A::Number> output_gradient) {
  return BackwardPass<A>(arithmetic, graph, parameters, forward, choice).run(std::move(output_gradient));
}

template std::optional<RealGradient<BallArithmetic>> real_backward(const BallArithmetic&, const Graph&,
                                                                   const std::vector<Tensor<Ball>>&,
                                                                   const RealForward<BallArithmetic>&,
                                                                   const Choice&, Tensor<Ball>);
template std::optional<RealGradient<RationalArithmetic>> real_backward(
    const RationalArithmetic&, const Graph&, const std::vector<Tensor<RationalArithmetic::Number>>&,
    const RealForward<RationalArithmetic>&, const Choice&, Tensor<RationalArithmetic::Number>);

RealLoss real_loss(const BallArithmetic& a, const Graph& graph, const Tensor<Ball>& output,
                   const std::vector<int>& labels) {
  const Index images = output.dim(0), classes = output.size() / images;
  RealLoss out;
  auto total = a.sum();
  if (graph.loss() == Loss::output) {
    for (const Ball& z : output.data) total.add(z);
    out.value = total.take();
    out.gradient = Tensor<Ball>(output.shape, Ball(1));
    return out;
  }
  out.gradient = Tensor<Ball>(output.shape);
  for (Index n = 0; n < images; ++n) {
    const Index label = labels[static_cast<std::size_t>(n)];
    const Ball* z = &output[n * classes];
    // Any shift gives the same softmax; the midpoint of the largest logit keeps the exponentials in (0, 1].
    Ball shift = z[0];
    for (Index k = 1; k < classes; ++k) {
      if (mpfr_less_p(shift.mid.get(), z[k].mid.get())) shift = z[k];
    }
    shift.rad = Magnitude();
    std::vector<Ball> e;
    auto sum = a.sum(), others = a.sum();
    for (Index k = 0; k < classes; ++k) {
      e.push_back(exponential(a.subtract(z[k], shift), a.bits()));
      sum.add(e.back());
      if (k != label) others.add(e.back());
    }
    const Ball s = sum.take();
    total.add(a.subtract(logarithm(s, a.bits()), a.subtract(z[label], shift)));
    for (Index k = 0; k < classes; ++k) {
      // p_y - 1 = -(sum of the others): no cancellation where the network is confident.
      const Ball numerator = k == label ? negate(others.take()) : e[static_cast<std::size_t>(k)];
      out.gradient[n * classes + k] = a.divide(a.divide(numerator, s), images);
    }
  }
  out.value = a.divide(total.take(), images);
  return out;
}

}  // namespace gradzone
