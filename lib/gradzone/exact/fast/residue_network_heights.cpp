#include <algorithm>
#include <optional>

#include "gradzone/exact/fast/residue_height.hpp"

namespace gradzone {
namespace {

Index ceil_divide(Index a, Index b) {
  return (a + b - 1) / b;
}

Index entries(const Window& w) {
  return w.kernel_h * w.kernel_w;
}

/// The most windows that share an input entry.
Index overlap(const Window& w) {
  return ceil_divide(w.kernel_h, w.stride_h) * ceil_divide(w.kernel_w, w.stride_w);
}

/// Forward in node order, then back: every rule below bounds what real_forward and real_backward compute.
class HeightWalk {
 public:
  HeightWalk(const Graph& graph, const std::vector<Height>& parameters, const MiniBatch& batch,
             const std::vector<Choice>& choices)
      : graph_(graph), parameters_(parameters), batch_(batch), choices_(choices) {}

  NetworkHeights run() {
    const auto& nodes = graph_.nodes();
    for (id_ = 0; id_ < static_cast<NodeId>(nodes.size()); ++id_) {
      node_ = &graph_.node(id_);
      out_.nodes.push_back(std::visit([this](const auto& op) { return forward(op); }, node_->op));
      claim_about_values(out_.nodes.back());
    }
    gradients_.resize(nodes.size());
    gradients_.back() = output_gradient();
    for (id_ = graph_.output(); id_ > 0; --id_) {
      node_ = &graph_.node(id_);
      const Height dy = *gradients_[static_cast<std::size_t>(id_)];
      std::visit([&](const auto& op) { backward(op, dy); }, node_->op);
    }
    const double images = static_cast<double>(batch_.size());
    const double logits = images * static_cast<double>(graph_.classes());
    out_.queries += logits * logits + static_cast<double>(choices_.size()) * (images + 1);
    return std::move(out_);
  }

 private:
  // ---- what claims are about ----

  void claim(const Height& h) {
    out_.bits = std::max(out_.bits, h.bits());
    out_.degree = std::max(out_.degree, h.degree);
  }
  /// Two entries, an entry and a kink (0 or 6), two logits against two others.
  void claim_about_values(const Height& h) {
    claim(sum_of(4, h));
    claim(sum(h, Height::of(6)));
    claim(sum(h, Height::of(0)));
    const double count = static_cast<double>(batch_.size() * element_count(node_->shape));
    out_.queries += count * (count + 7);
  }
  /// The test of a weight gradient adds an unknown per column.
  void claim_about_gradient(Height h) {
    ++h.degree;
    claim(sum_of(2, h));
  }

  // ---- forward ----

  const Height& x(std::size_t k = 0) const { return out_.nodes[static_cast<std::size_t>(node_->inputs[k])]; }
  const Shape& x_shape() const { return graph_.node(node_->inputs[0]).shape; }
  const Height& parameter(std::size_t k) const {
    return parameters_[static_cast<std::size_t>(node_->first_parameter) + k];
  }
  Index outputs_per_channel() const { return batch_.size() * element_count(node_->shape) / node_->shape[0]; }

  Height forward(const Input&) const { return Height::of(batch_.x); }
  Height forward(const Conv2d& op) const { return affine(op.in_channels * entries(op.window), op.bias); }
  Height forward(const Linear& op) const { return affine(op.in_features, op.bias); }
  Height affine(Index fan_in, bool bias) const {
    const Height products = sum_of(fan_in, product(parameter(0), x()));
    return bias ? sum(products, parameter(1)) : products;
  }
  Height forward(const Activation& op) const {
    const PiecewiseLinear f = piecewise(op);
    Height out = x();
    for (std::size_t s = 0; s < f.slopes.size(); ++s) {
      const Height line = product(Height::of(f.slopes[s]), x());
      out = either(out, f.offsets[s] == 0 ? line : sum(line, Height::of(f.offsets[s])));
    }
    return out;
  }
  Height forward(const MaxPool2d&) const { return x(); }
  Height forward(const AvgPool2d& op) const { return product(Height::reciprocal(entries(op.window)), x()); }
  Height forward(const GlobalAvgPool&) const {
    return product(Height::reciprocal(x_shape()[1] * x_shape()[2]), x());
  }
  Height forward(const NormPool2d& op) {
    claim(sum_of(2 * entries(op.window), product(x(), x())));  // equal squares share an unknown
    return Height::unknown();
  }
  Height forward(const BatchNorm& op) const {
    return sum(product(parameter(0), normalised(op)), parameter(1));
  }
  /// The mean of a batch statistic's entries is no larger than they are.
  Height normalised(const BatchNorm& op) const {
    const bool running = op.mode == BatchNorm::Mode::evaluation;
    const Height mean = running ? parameter(2) : product(Height::reciprocal(outputs_per_channel()), x());
    return product(sum(x(), mean), Height::unknown());
  }
  Height forward(const Add&) const { return sum(x(0), x(1)); }
  Height forward(const Concat&) const {
    Height out = x();
    for (std::size_t k = 1; k < node_->inputs.size(); ++k) out = either(out, x(k));
    return out;
  }
  Height forward(const Flatten&) const { return x(); }
  Height forward(const Dropout&) const { return x(); }

  // ---- backward ----

  /// Ones, or v_i - [i = y] sum of all v; in certain mode the v are 0 or 1.
  Height output_gradient() const {
    if (graph_.loss() == Loss::output) return {};
    return sum_of(graph_.classes() + 1, Height::unknown());
  }

  void give(std::size_t k, const Height& contribution) {
    auto& total = gradients_[static_cast<std::size_t>(node_->inputs[k])];
    total = total ? sum(*total, contribution) : contribution;
  }

  void backward(const Input&, const Height&) {}
  void backward(const Conv2d& op, const Height& dy) {
    affine_backward(op.out_channels * entries(op.window), dy);
  }
  void backward(const Linear& op, const Height& dy) { affine_backward(op.out_features, dy); }
  void affine_backward(Index fan_out, const Height& dy) {
    claim_about_gradient(sum_of(outputs_per_channel(), product(dy, x())));
    claim_about_gradient(sum_of(outputs_per_channel(), dy));
    give(0, sum_of(fan_out, product(dy, parameter(0))));
  }
  void backward(const Activation& op, const Height& dy) {
    Height slopes;
    for (const double s : piecewise(op).slopes) slopes = either(slopes, Height::of(s));
    for (const Choice& c : choices_) {
      for (const double s : derivative_at_kinks(op, c)) slopes = either(slopes, Height::of(s));
    }
    give(0, product(slopes, dy));
  }
  /// A tie of n gives beta / n to each, and 1 - beta more to the first.
  void backward(const MaxPool2d& op, const Height& dy) {
    Height weights;
    for (const Choice& c : choices_) {
      const double beta = beta_of(op, c);
      if (beta == 0) continue;
      const Height share = product(Height::of(beta), {Denominator::up_to(entries(op.window)), 0, 0});
      weights = either(weights, sum(share, sum(Height::of(1), Height::of(beta))));
    }
    give(0, sum_of(overlap(op.window), product(weights, dy)));
  }
  void backward(const AvgPool2d& op, const Height& dy) { average_backward(op.window, dy); }
  void backward(const GlobalAvgPool&, const Height& dy) {
    average_backward({x_shape()[1], x_shape()[2], 1, 1, 0, 0}, dy);
  }
  void average_backward(const Window& w, const Height& dy) {
    give(0, sum_of(overlap(w), product(Height::reciprocal(entries(w)), dy)));
  }
  void backward(const NormPool2d& op, const Height& dy) {
    Height factors = product(x(), Height::unknown());
    for (const Choice& c : choices_) factors = either(factors, Height::of(c.normpool_at_0));
    give(0, sum_of(overlap(op.window), product(factors, dy)));
  }
  void backward(const BatchNorm& op, const Height& dy) {
    const Index count = outputs_per_channel();
    const Height dw = sum_of(count, product(dy, normalised(op)));
    claim_about_gradient(dw);
    claim_about_gradient(sum_of(count, dy));
    Height centred = dy;
    if (op.mode == BatchNorm::Mode::training) {
      const Height mean = product(Height::reciprocal(count), dy);
      centred = sum(sum(dy, mean), product(normalised(op), product(mean, normalised(op))));
    }
    give(0, product(product(parameter(0), Height::unknown()), centred));
  }
  void backward(const Add&, const Height& dy) {
    give(0, dy);
    give(1, dy);
  }
  void backward(const Concat&, const Height& dy) {
    for (std::size_t k = 0; k < node_->inputs.size(); ++k) give(k, dy);
  }
  void backward(const Flatten&, const Height& dy) { give(0, dy); }
  void backward(const Dropout&, const Height& dy) { give(0, dy); }

  const Graph& graph_;
  const std::vector<Height>& parameters_;
  const MiniBatch& batch_;
  const std::vector<Choice>& choices_;
  NetworkHeights out_;
  std::vector<std::optional<Height>> gradients_;
  // The node being bounded.
  NodeId id_ = 0;
  const Node* node_ = nullptr;
};

}  // namespace

NetworkHeights network_heights(const Graph& graph, const std::vector<Height>& parameters,
                               const MiniBatch& batch, const std::vector<Choice>& choices) {
  return HeightWalk(graph, parameters, batch, choices).run();
}

}  // namespace gradzone
