// The float program of fp32 and fp64 written again from the statement of its arithmetic (kernels.hpp): every
// sum is a chain of fused multiply-adds in the documented order. The evaluator must agree bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "../support/random_net.hpp"
#include "gradzone/arith/elementary.hpp"
#include "gradzone/eval/float_evaluator.hpp"

namespace gradzone::support {
namespace {

/// Forward and backward in Real (float or double), in the order `chain`, for graphs without norms. Where the
/// library gathers the terms of one output, this scatters one term to all outputs.
template <class Real>
class PlainProgram {
 public:
  using Values = std::vector<Real>;

  PlainProgram(const RandomNet& net, const Choice& choice) : net_(net), graph_(net.graph), choice_(choice) {
    images_ = net.batch.size();
    for (const auto& t : net.parameters) parameters_.emplace_back(t.data.begin(), t.data.end());
    values_.resize(graph_.nodes().size());
    gradients_.resize(graph_.nodes().size());
    sets_.resize(graph_.nodes().size());
    parameter_gradients_.resize(parameters_.size());
    values_[0].assign(net.batch.x.data.begin(), net.batch.x.data.end());
    for (NodeId id = 1; id <= graph_.output(); ++id) forward(graph_.node(id), values_[at(id)]);
    gradients_.back() = loss_gradient();
    for (NodeId id = graph_.output(); id > 0; --id) backward(graph_.node(id), gradients_[at(id)]);
  }

  const std::vector<Values>& parameter_gradients() const { return parameter_gradients_; }
  const Values& logits() const { return values_.back(); }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  NodeId id_of(const Node& node) const { return static_cast<NodeId>(&node - graph_.nodes().data()); }
  const Shape& in_shape(const Node& node) const { return graph_.node(node.inputs[0]).shape; }

  /// Calls visit(window position, output, input) for every pair that meets, window positions slowest.
  template <class Visit>
  void positions_first(const Window& w, const Shape& in, Visit&& visit) const {
    for (Index p = 0; p < w.kernel_h; ++p)
      for (Index q = 0; q < w.kernel_w; ++q)
        for (Index i = 0; i < w.out_h(in[1]); ++i)
          for (Index j = 0; j < w.out_w(in[2]); ++j) {
            const Index row = i * w.stride_h + p - w.padding_h, column = j * w.stride_w + q - w.padding_w;
            if (row < 0 || column < 0 || row >= in[1] || column >= in[2]) continue;
            visit(p * w.kernel_w + q, i * w.out_w(in[2]) + j, row * in[2] + column);
          }
  }
  /// The same with outputs slowest.
  template <class Visit>
  void outputs_first(const Window& w, const Shape& in, Visit&& visit) const {
    for (Index o = 0; o < w.out_h(in[1]) * w.out_w(in[2]); ++o)
      for (Index t = 0; t < w.kernel_h * w.kernel_w; ++t) {
        const Index row = o / w.out_w(in[2]) * w.stride_h + t / w.kernel_w - w.padding_h;
        const Index column = o % w.out_w(in[2]) * w.stride_w + t % w.kernel_w - w.padding_w;
        if (row < 0 || column < 0 || row >= in[1] || column >= in[2]) continue;
        visit(t, o, row * in[2] + column);
      }
  }

  void forward(const Node& node, Values& y) {
    const Values& x = values_[at(node.inputs[0])];
    y.assign(at(images_ * element_count(node.shape)), Real(0));
    std::visit(
        overloaded{[&](const Conv2d& op) { convolve(node, op, x, y); },
                   [&](const Linear& op) { multiply(node, op, x, y); },
                   [&](const Activation& op) { std::transform(x.begin(), x.end(), y.begin(), function(op)); },
                   [&](const MaxPool2d& op) { maxima(node, op, x, y); },
                   [&](const AvgPool2d& op) { means(op.window, in_shape(node), x, y); },
                   [&](const GlobalAvgPool&) { means(whole(in_shape(node)), in_shape(node), x, y); },
                   [&](const Add& op) {
                     const Values& b = values_[at(node.inputs[1])];
                     for (std::size_t i = 0; i < y.size(); ++i)
                       y[i] = op.subtract ? x[i] - b[i] : x[i] + b[i];
                   },
                   [&](const Concat&) {
                     for_each_part(node, [&](NodeId from, Index whole_at, Index part_at) {
                       y[at(whole_at)] = values_[at(from)][at(part_at)];
                     });
                   },
                   [&](const auto&) { y = x; }},
        node.op);
  }

  static Window whole(const Shape& in) { return {in[1], in[2], 1, 1, 0, 0}; }

  static auto function(const Activation& op) {
    return [op](Real v) -> Real {
      if (op.kind == Activation::Kind::relu6 && v >= 6) return 6;
      if (v > 0) return v;
      if (op.kind == Activation::Kind::leaky_relu) return static_cast<Real>(op.negative_slope) * v;
      return op.kind == Activation::Kind::abs ? -v : Real(0);
    };
  }

  void convolve(const Node& node, const Conv2d& op, const Values& x, Values& y) {
    const Shape& in = in_shape(node);
    const Index taps = op.window.kernel_h * op.window.kernel_w, area = in[1] * in[2];
    const Index out_area = node.shape[1] * node.shape[2];
    const Values& w = parameters_[at(node.first_parameter)];
    positions_first(op.window, in, [&](Index t, Index to, Index from) {
      for (Index n = 0; n < images_; ++n)
        for (Index o = 0; o < op.out_channels; ++o)
          for (Index c = 0; c < in[0]; ++c) {
            Real& sum = y[at((n * op.out_channels + o) * out_area + to)];
            sum = std::fma(w[at((o * in[0] + c) * taps + t)], x[at((n * in[0] + c) * area + from)], sum);
          }
    });
    if (!op.bias) return;
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] += parameters_[at(node.first_parameter + 1)][i / at(out_area) % at(op.out_channels)];
    }
  }

  void multiply(const Node& node, const Linear& op, const Values& x, Values& y) {
    const Values& w = parameters_[at(node.first_parameter)];
    for (Index k = 0; k < op.in_features; ++k)
      for (Index n = 0; n < images_; ++n)
        for (Index o = 0; o < op.out_features; ++o) {
          Real& sum = y[at(n * op.out_features + o)];
          sum = std::fma(w[at(o * op.in_features + k)], x[at(n * op.in_features + k)], sum);
        }
    if (!op.bias) return;
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] += parameters_[at(node.first_parameter + 1)][i % at(op.out_features)];
    }
  }

  void maxima(const Node& node, const MaxPool2d& op, const Values& x, Values& y) {
    const Shape& in = in_shape(node);
    const Index area = in[1] * in[2], out_area = node.shape[1] * node.shape[2];
    auto& sets = sets_[at(id_of(node))];  // winners of each output: positions in x, in window order
    sets.resize(y.size());
    for (Index plane = 0; plane < images_ * in[0]; ++plane) {
      outputs_first(op.window, in, [&](Index, Index o, Index from) {
        auto& winners = sets[at(plane * out_area + o)];
        const Real v = x[at(plane * area + from)];
        if (!winners.empty() && v > x[at(winners[0])]) winners.clear();
        if (winners.empty() || v == x[at(winners[0])]) winners.push_back(plane * area + from);
      });
    }
    const auto [beta, rest] = hybrid(op);
    for (std::size_t o = 0; o < y.size(); ++o) {
      const Real m = x[at(sets[o][0])];
      y[o] = m;
      if (net_.form == Form::direct) continue;
      const Real a = beta * m, b = rest * m;
      y[o] = a + b;
    }
  }

  std::pair<Real, Real> hybrid(const MaxPool2d& op) const {
    const double beta = op.pinned_beta ? *op.pinned_beta : choice_.maxpool_beta;
    return {static_cast<Real>(beta), static_cast<Real>(1 - beta)};
  }

  void means(const Window& w, const Shape& in, const Values& x, Values& y) {
    const Index area = in[1] * in[2], out_area = w.out_h(in[1]) * w.out_w(in[2]);
    for (Index plane = 0; plane < images_ * in[0]; ++plane) {
      outputs_first(w, in, [&](Index, Index o, Index from) {
        y[at(plane * out_area + o)] += x[at(plane * area + from)];
      });
    }
    for (Real& v : y) v /= static_cast<Real>(w.kernel_h * w.kernel_w);
  }

  template <class Visit>
  void for_each_part(const Node& node, Visit&& visit) const {
    const Index size = element_count(node.shape);
    for (Index n = 0; n < images_; ++n) {
      Index offset = n * size;
      for (const NodeId from : node.inputs) {
        const Index part = element_count(graph_.node(from).shape);
        for (Index i = 0; i < part; ++i) visit(from, offset + i, n * part + i);
        offset += part;
      }
    }
  }

  Values loss_gradient() const {
    const Values& z = values_.back();
    Values out(z.size(), Real(1));
    if (graph_.loss() == Loss::output) return out;
    const std::size_t classes = z.size() / at(images_);
    for (std::size_t n = 0; n < at(images_); ++n) {
      const auto begin = z.begin() + static_cast<std::ptrdiff_t>(n * classes);
      const Real largest = *std::max_element(begin, begin + static_cast<std::ptrdiff_t>(classes));
      Real sum = 0;
      for (std::size_t k = 0; k < classes; ++k) sum += exp_rounded(z[n * classes + k] - largest);
      for (std::size_t k = 0; k < classes; ++k) {
        const Real p = exp_rounded(z[n * classes + k] - largest) / sum;
        const bool is_label = static_cast<int>(k) == net_.batch.labels[n];
        out[n * classes + k] = (is_label ? p - Real(1) : p) / static_cast<Real>(images_);
      }
    }
    return out;
  }

  /// The first gradient of a node is taken as it is, later ones are added.
  void pass_on(NodeId to, Values g) {
    Values& sum = gradients_[at(to)];
    if (sum.empty()) {
      sum = std::move(g);
    } else {
      for (std::size_t i = 0; i < g.size(); ++i) sum[i] = sum[i] + g[i];
    }
  }

  void backward(const Node& node, const Values& dy) {
    const Values& x = values_[at(node.inputs[0])];
    Values dx(x.size(), Real(0));
    std::visit(
        overloaded{[&](const Conv2d& op) { convolve_back(node, op, x, dy, dx); },
                   [&](const Linear& op) { multiply_back(node, op, x, dy, dx); },
                   [&](const Activation& op) {
                     for (std::size_t i = 0; i < x.size(); ++i) dx[i] = slope_times(op, x[i], dy[i]);
                   },
                   [&](const MaxPool2d& op) { maxima_back(node, op, dy, dx); },
                   [&](const AvgPool2d& op) { means_back(op.window, in_shape(node), dy, dx); },
                   [&](const GlobalAvgPool&) { means_back(whole(in_shape(node)), in_shape(node), dy, dx); },
                   [&](const Add& op) {
                     Values other = dy;
                     if (op.subtract) std::transform(dy.begin(), dy.end(), other.begin(), std::negate<>());
                     pass_on(node.inputs[1], std::move(other));
                     dx = dy;
                   },
                   [&](const Concat&) {}, [&](const auto&) { dx = dy; }},
        node.op);
    if (std::holds_alternative<Concat>(node.op)) return split(node, dy);
    pass_on(node.inputs[0], std::move(dx));
  }

  void split(const Node& node, const Values& dy) {
    const Index size = element_count(node.shape);
    Index offset = 0;
    for (const NodeId from : node.inputs) {
      const Index part = element_count(graph_.node(from).shape);
      Values g;
      for (Index n = 0; n < images_; ++n) {
        g.insert(g.end(), dy.begin() + n * size + offset, dy.begin() + n * size + offset + part);
      }
      offset += part;
      pass_on(from, std::move(g));
    }
  }

  Real slope_times(const Activation& op, Real x, Real g) const {
    double slope = x > 0 ? 1 : 0;
    switch (op.kind) {
      case Activation::Kind::relu:
        slope = x == 0 ? choice_.relu_at_0 : slope;
        break;
      case Activation::Kind::leaky_relu:
        if (x < 0 || (x == 0 && choice_.leaky_relu_at_0 < 0)) slope = op.negative_slope;
        if (x == 0 && choice_.leaky_relu_at_0 >= 0) slope = choice_.leaky_relu_at_0;
        break;
      case Activation::Kind::relu6:
        if (x > 6) slope = 0;
        if (x == 0) slope = choice_.relu6_at_0;
        if (x == 6) slope = choice_.relu6_at_6;
        break;
      case Activation::Kind::abs:
        slope = x == 0 ? choice_.abs_at_0 : x > 0 ? 1 : -1;
        break;
    }
    return slope == 0 ? Real(0) : static_cast<Real>(slope) * g;
  }

  void convolve_back(const Node& node, const Conv2d& op, const Values& x, const Values& dy, Values& dx) {
    const Shape& in = in_shape(node);
    const Index taps = op.window.kernel_h * op.window.kernel_w, area = in[1] * in[2];
    const Index out_area = node.shape[1] * node.shape[2];
    const Values& w = parameters_[at(node.first_parameter)];
    Values& dw = parameter_gradients_[at(node.first_parameter)];
    dw.assign(w.size(), Real(0));
    for (Index n = 0; n < images_; ++n) {
      positions_first(op.window, in, [&](Index t, Index from, Index to) {
        for (Index o = 0; o < op.out_channels; ++o)
          for (Index c = 0; c < in[0]; ++c) {
            Real& sum = dx[at((n * in[0] + c) * area + to)];
            sum = std::fma(w[at((o * in[0] + c) * taps + t)],
                           dy[at((n * op.out_channels + o) * out_area + from)], sum);
          }
      });
      outputs_first(op.window, in, [&](Index t, Index from, Index pixel) {
        for (Index o = 0; o < op.out_channels; ++o)
          for (Index c = 0; c < in[0]; ++c) {
            Real& sum = dw[at((o * in[0] + c) * taps + t)];
            sum = std::fma(dy[at((n * op.out_channels + o) * out_area + from)],
                           x[at((n * in[0] + c) * area + pixel)], sum);
          }
      });
    }
    if (!op.bias) return;
    Values& db = parameter_gradients_[at(node.first_parameter + 1)];
    db.assign(at(op.out_channels), Real(0));
    for (std::size_t i = 0; i < dy.size(); ++i) db[i / at(out_area) % at(op.out_channels)] += dy[i];
  }

  void multiply_back(const Node& node, const Linear& op, const Values& x, const Values& dy, Values& dx) {
    const Values& w = parameters_[at(node.first_parameter)];
    Values& dw = parameter_gradients_[at(node.first_parameter)];
    dw.assign(w.size(), Real(0));
    for (Index n = 0; n < images_; ++n)
      for (Index o = 0; o < op.out_features; ++o)
        for (Index k = 0; k < op.in_features; ++k) {
          const Real g = dy[at(n * op.out_features + o)];
          Real &to_x = dx[at(n * op.in_features + k)], &to_w = dw[at(o * op.in_features + k)];
          to_x = std::fma(w[at(o * op.in_features + k)], g, to_x);
          to_w = std::fma(g, x[at(n * op.in_features + k)], to_w);
        }
    if (!op.bias) return;
    Values& db = parameter_gradients_[at(node.first_parameter + 1)];
    db.assign(at(op.out_features), Real(0));
    for (std::size_t i = 0; i < dy.size(); ++i) db[i % at(op.out_features)] += dy[i];
  }

  void maxima_back(const Node& node, const MaxPool2d& op, const Values& dy, Values& dx) {
    const auto& sets = sets_[at(id_of(node))];
    const auto [beta, rest] = hybrid(op);
    for (std::size_t o = 0; o < dy.size(); ++o)
      for (std::size_t k = 0; k < sets[o].size(); ++k) {
        const Real size = static_cast<Real>(sets[o].size()), g = dy[o];
        Real term;
        if (net_.form == Form::direct) {
          const Real share = beta / size, weight = k == 0 ? share + rest : share;
          term = weight * g;
        } else {
          const Real u = beta * g / size, v = rest * g;
          term = k == 0 ? u + v : u;
        }
        dx[at(sets[o][k])] += term;
      }
  }

  void means_back(const Window& w, const Shape& in, const Values& dy, Values& dx) {
    const Index area = in[1] * in[2], out_area = w.out_h(in[1]) * w.out_w(in[2]);
    for (Index plane = 0; plane < images_ * in[0]; ++plane) {
      outputs_first(w, in, [&](Index, Index o, Index to) {
        dx[at(plane * area + to)] +=
            dy[at(plane * out_area + o)] / static_cast<Real>(w.kernel_h * w.kernel_w);
      });
    }
  }

  const RandomNet& net_;
  const Graph& graph_;
  Choice choice_;
  Index images_ = 1;
  std::vector<Values> parameters_, values_, gradients_, parameter_gradients_;
  std::vector<std::vector<std::vector<Index>>> sets_;
};

/// Equal bits, where all zeros count as one: which zero a sum of nothing returns is not part of the
/// statement.
bool same_number(double a, double b) {
  return a == b || (a != a && b != b);
}

template <class Real>
void expect_agreement(const RandomNet& net, Backend backend) {
  SCOPED_TRACE(net.describe());
  const auto evaluator = make_float_evaluator(net.graph, net.parameters, {net.format, Order::chain}, backend);
  for (const Choice& choice : net.choices) {
    const FloatRun run = evaluator->run(net.batch, choice, net.form);
    const PlainProgram<Real> plain(net, choice);
    for (std::size_t i = 0; i < plain.logits().size(); ++i) {
      ASSERT_TRUE(same_number(run.logits.data[i], plain.logits()[i])) << "logit " << i;
    }
    for (std::size_t p = 0; p < run.gradient.size(); ++p)
      for (std::size_t i = 0; i < run.gradient[p].data.size(); ++i) {
        ASSERT_TRUE(same_number(run.gradient[p].data[i], plain.parameter_gradients()[p][i]))
            << net.graph.parameters()[p].name << "[" << i << "] under " << choice.name() << ": "
            << run.gradient[p].data[i] << " and " << plain.parameter_gradients()[p][i];
      }
  }
}

int scaled(int count) {
  const char* scale = std::getenv("GRADZONE_TEST_SCALE");
  return scale ? static_cast<int>(count * std::atof(scale)) : count;
}

TEST(FloatArithmetic, IsWhatItsStatementSays) {
  int checked = 0;
  for (std::uint64_t seed = 0; checked < scaled(2000) && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed, {.norms = false});
    const Backend backend = seed % 2 == 0 ? Backend::reference : Backend::cpu;
    if (net.format == FormatId::fp32) expect_agreement<float>(net, backend);
    if (net.format == FormatId::fp64) expect_agreement<double>(net, backend);
    checked += net.format == FormatId::fp32 || net.format == FormatId::fp64;
  }
}

}  // namespace
}  // namespace gradzone::support
