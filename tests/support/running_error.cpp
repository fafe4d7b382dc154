#include "running_error.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace gradzone::support {
namespace {

double& at(std::vector<double>& v, Index i) {
  return v[static_cast<std::size_t>(i)];
}
double at(const std::vector<double>& v, Index i) {
  return v[static_cast<std::size_t>(i)];
}

bool has_products(const Node& node) {
  return std::holds_alternative<Conv2d>(node.op) || std::holds_alternative<Linear>(node.op);
}

/// Calls visit(output, weight, input) for every product of a convolution or linear layer.
template <class Visit>
void for_each_product(const Node& node, const Shape& in, Index images, Visit&& visit) {
  if (const auto* l = std::get_if<Linear>(&node.op)) {
    for (Index n = 0; n < images; ++n)
      for (Index o = 0; o < l->out_features; ++o)
        for (Index k = 0; k < l->in_features; ++k) {
          visit(n * l->out_features + o, o * l->in_features + k, n * l->in_features + k);
        }
    return;
  }
  const auto& c = std::get<Conv2d>(node.op);
  const Window& w = c.window;
  const Index taps = w.kernel_h * w.kernel_w, out_area = node.shape[1] * node.shape[2];
  for (Index plane = 0; plane < images * c.out_channels; ++plane)
    for (Index o = 0; o < out_area; ++o)
      for (Index k = 0; k < c.in_channels * taps; ++k) {
        const Index row = o / node.shape[2] * w.stride_h - w.padding_h + k % taps / w.kernel_w;
        const Index column = o % node.shape[2] * w.stride_w - w.padding_w + k % w.kernel_w;
        if (row < 0 || column < 0 || row >= in[1] || column >= in[2]) continue;
        const Index channel = plane / c.out_channels * c.in_channels + k / taps;
        visit(plane * out_area + o, plane % c.out_channels * c.in_channels * taps + k,
              (channel * in[1] + row) * in[2] + column);
      }
}

/// Calls visit(output, input) for every selected entry of a max pool without padding.
template <class Visit>
void for_each_winner(const Node& node, const Window& w, const Shape& in, const LayerBranches& branches,
                     Visit&& visit) {
  const Index taps = w.kernel_h * w.kernel_w, area = node.shape[1] * node.shape[2];
  for (std::size_t k = 0; k < branches.codes.size(); ++k) {
    if (branches.codes[k] == 0) continue;
    const Index output = static_cast<Index>(k) / taps, tap = static_cast<Index>(k) % taps;
    const Index row = output % area / node.shape[2] * w.stride_h + tap / w.kernel_w;
    const Index column = output % node.shape[2] * w.stride_w + tap % w.kernel_w;
    visit(output, (output / area * in[1] + row) * in[2] + column);
  }
}

}  // namespace

RunningError::RunningError(const Graph& graph, const Parameters& parameters, const MiniBatch& batch,
                           double unit_roundoff)
    : graph_(graph),
      parameters_(parameters),
      images_(batch.size()),
      unit_roundoff_(unit_roundoff),
      layers_(graph.nodes().size()) {
  const FloatRun run = make_float_evaluator(graph, parameters, {FormatId::fp64, Order::chain})
                           ->run(batch, Choice{}, Form::direct);
  std::vector<const LayerBranches*> branches(layers_.size(), nullptr);
  for (const LayerBranches& layer : run.branches) branches[static_cast<std::size_t>(layer.node)] = &layer;
  for (const Tensor<double>& t : parameters) gradient_.emplace_back(t.shape);
  layers_[0].reset(batch.x.data.size());
  layers_[0].value = batch.x.data;
  for (std::size_t id = 1; id < layers_.size(); ++id) forward(graph.nodes()[id], branches[id]);
  loss(batch);
  for (std::size_t id = layers_.size() - 1; id > 0; --id) backward(graph.nodes()[id], branches[id]);
}

double RunningError::gamma(Index roundings) const {
  const double n_u = static_cast<double>(roundings) * unit_roundoff_;
  return n_u / (1 - n_u);
}

const std::vector<double>& RunningError::parameter(const Node& node, int k) const {
  return parameters_[static_cast<std::size_t>(node.first_parameter + k)].data;
}

void RunningError::forward(const Node& node, const LayerBranches* branches) {
  const Shape& in = graph_.node(node.inputs[0]).shape;
  const Pairs& x = layers_[static_cast<std::size_t>(node.inputs[0])];
  Pairs& y = layers_[static_cast<std::size_t>(&node - graph_.nodes().data())];
  y.reset(static_cast<std::size_t>(images_ * element_count(node.shape)));
  const Index size = static_cast<Index>(y.value.size()), area = element_count(node.shape) / node.shape[0];
  if (has_products(node)) {
    const double g = gamma(static_cast<Index>(parameter(node, 0).size()) / node.shape[0] + 1);
    for (Index i = 0; i < size; ++i) {
      at(y.value, i) = at(parameter(node, 1), i / area % node.shape[0]);
      at(y.error, i) = g * std::fabs(at(y.value, i));
    }
    for_each_product(node, in, images_, [&](Index o, Index w, Index i) {
      const double weight = at(parameter(node, 0), w);
      at(y.value, o) += weight * at(x.value, i);
      at(y.error, o) +=
          std::fabs(weight) * (at(x.error, i) + g * (std::fabs(at(x.value, i)) + at(x.error, i)));
    });
  } else if (std::holds_alternative<Activation>(node.op)) {
    for (std::size_t i = 0; i < y.value.size(); ++i) {
      if (branches->codes[i] == 2) y.value[i] = x.value[i], y.error[i] = x.error[i];
    }
  } else if (const auto* pool = std::get_if<MaxPool2d>(&node.op)) {
    for_each_winner(node, pool->window, in, *branches, [&](Index o, Index i) {
      at(y.value, o) = at(x.value, i);
      at(y.error, o) = at(x.error, i);
    });
  } else if (const auto* norm = std::get_if<BatchNorm>(&node.op)) {
    for (Index i = 0; i < size; ++i) {
      const Index c = i / area % norm->channels;
      const double scale = at(parameter(node, 0), c) / std::sqrt(at(parameter(node, 3), c) + norm->eps);
      const double centred = at(x.value, i) - at(parameter(node, 2), c);
      at(y.value, i) = scale * centred + at(parameter(node, 1), c);
      at(y.error, i) =
          std::fabs(scale) * (at(x.error, i) + gamma(7) * (std::fabs(centred) + at(x.error, i))) +
          gamma(1) * std::fabs(at(parameter(node, 1), c));
    }
  } else if (std::holds_alternative<Flatten>(node.op)) {
    y = x;
  } else {
    throw std::logic_error("no rounding bound for layer " + node.name);
  }
}

/// An error e of all logits changes each p by at most a factor exp(2 e) and the loss by at most 2 e; the
/// float softmax adds a few roundings of its own.
void RunningError::loss(const MiniBatch& batch) {
  const Pairs& z = layers_.back();
  const Index classes = graph_.classes();
  adjoint_.reset(z.value.size());
  const double largest = *std::max_element(z.error.begin(), z.error.end());
  double magnitude = 1;
  for (Index n = 0; n < images_; ++n) {
    double sum = 0;
    for (Index k = 0; k < classes; ++k) sum += std::exp(at(z.value, n * classes + k));
    for (Index k = 0; k < classes; ++k) {
      const double p = std::exp(at(z.value, n * classes + k)) / sum;
      const double label = k == batch.labels[static_cast<std::size_t>(n)] ? 1 : 0;
      const double own = gamma(classes + 4) * (1 + 2 * std::fabs(at(z.value, n * classes + k)));
      at(adjoint_.value, n * classes + k) = (p - label) / static_cast<double>(images_);
      at(adjoint_.error, n * classes + k) =
          (p * (std::expm1(2 * largest) + 2 * own) + gamma(2) * label) / static_cast<double>(images_);
      magnitude = std::max(magnitude, std::fabs(at(z.value, n * classes + k)));
    }
  }
  logit_error_ = 2 * largest + gamma(classes + images_ + 4) * (2 * magnitude + 2 + std::log(classes));
}

void RunningError::backward(const Node& node, const LayerBranches* branches) {
  const Shape& in = graph_.node(node.inputs[0]).shape;
  const Pairs& x = layers_[static_cast<std::size_t>(node.inputs[0])];
  Pairs dx;
  dx.reset(x.value.size());
  if (has_products(node)) {
    backward_products(node, x, dx);
  } else if (const auto* norm = std::get_if<BatchNorm>(&node.op)) {
    backward_norm(node, *norm, x, dx);
  } else if (const auto* pool = std::get_if<MaxPool2d>(&node.op)) {
    for_each_winner(node, pool->window, in, *branches, [&](Index o, Index i) {
      at(dx.value, i) = at(adjoint_.value, o);
      at(dx.error, i) = at(adjoint_.error, o);
    });
  } else if (std::holds_alternative<Activation>(node.op)) {
    for (std::size_t i = 0; i < dx.value.size(); ++i) {
      if (branches->codes[i] == 2) dx.value[i] = adjoint_.value[i], dx.error[i] = adjoint_.error[i];
    }
  } else {
    dx = adjoint_;
  }
  adjoint_ = std::move(dx);
}

void RunningError::backward_products(const Node& node, const Pairs& x, Pairs& dx) {
  const std::size_t first = static_cast<std::size_t>(node.first_parameter);
  const Shape& w_shape = parameters_[first].shape;
  const Index area = element_count(node.shape) / node.shape[0];
  const double chain = gamma(element_count(w_shape) / w_shape[1]), sum = gamma(images_ * area);
  for_each_product(node, graph_.node(node.inputs[0]).shape, images_, [&](Index o, Index w, Index i) {
    const double weight = at(parameter(node, 0), w), g = at(adjoint_.value, o), e = at(adjoint_.error, o);
    at(dx.value, i) += weight * g;
    at(dx.error, i) += std::fabs(weight) * (e + chain * (std::fabs(g) + e));
    const double inexact = std::fabs(at(x.value, i)) * e + at(x.error, i) * (std::fabs(g) + e);
    at(gradient_[first].data, w) += inexact + sum * (std::fabs(at(x.value, i) * g) + inexact);
  });
  for (Index i = 0; i < static_cast<Index>(adjoint_.value.size()); ++i) {
    const double e = at(adjoint_.error, i);
    at(gradient_[first + 1].data, i / area % node.shape[0]) +=
        e + sum * (std::fabs(at(adjoint_.value, i)) + e);
  }
}

void RunningError::backward_norm(const Node& node, const BatchNorm& op, const Pairs& x, Pairs& dx) {
  const std::size_t first = static_cast<std::size_t>(node.first_parameter);
  const Index area = element_count(node.shape) / op.channels;
  const double sum = gamma(images_ * area + 6);
  for (Index i = 0; i < static_cast<Index>(dx.value.size()); ++i) {
    const Index c = i / area % op.channels;
    const double inverse = 1 / std::sqrt(at(parameter(node, 3), c) + op.eps);
    const double scale = at(parameter(node, 0), c) * inverse, g = at(adjoint_.value, i),
                 e = at(adjoint_.error, i);
    at(dx.value, i) = scale * g;
    at(dx.error, i) = std::fabs(scale) * (e + gamma(6) * (std::fabs(g) + e));
    const double normalised = std::fabs(at(x.value, i) - at(parameter(node, 2), c)) * inverse;
    const double inexact = normalised * e + at(x.error, i) * inverse * (std::fabs(g) + e);
    at(gradient_[first].data, c) += inexact + sum * (normalised * std::fabs(g) + inexact);
    at(gradient_[first + 1].data, c) += e + sum * (std::fabs(g) + e);
  }
}

}  // namespace gradzone::support
