#include "gradzone/nets/initialise.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "gradzone/arith/elementary.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"

namespace gradzone {
namespace {

constexpr double linear_deviation = 0.01;

double to_binary32(double x) {
  return static_cast<double>(static_cast<float>(x));
}

void fill_uniform(Tensor<double>& t, double bound, RandomStream& random) {
  for (double& v : t.data) v = to_binary32(random.uniform(-bound, bound));
}

/// Marsaglia's polar method: a uniform point of the unit disc gives two independent normal variates.
void fill_normal(Tensor<double>& t, double deviation, RandomStream& random) {
  for (std::size_t i = 0; i < t.data.size(); i += 2) {
    double u = 0;
    double v = 0;
    double s = 0;
    do {
      u = random.uniform(-1, 1);
      v = random.uniform(-1, 1);
      s = u * u + v * v;
    } while (s >= 1 || s == 0);
    const double scale = deviation * std::sqrt(-2 * log_rounded(s) / s);
    t.data[i] = to_binary32(u * scale);
    if (i + 1 < t.data.size()) t.data[i + 1] = to_binary32(v * scale);
  }
}

/// Inputs that one output of the layer reads, or 0 if the layer draws nothing at random.
Index fan_in(const Operation& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return c->in_channels * c->window.kernel_h * c->window.kernel_w;
  if (const auto* l = std::get_if<Linear>(&op)) return l->in_features;
  return 0;
}

/// Outputs that one input of a convolution feeds.
Index fan_out(const Conv2d& c) {
  return c.out_channels * c.window.kernel_h * c.window.kernel_w;
}

Tensor<double> draw(const Operation& op, const ParameterSpec& spec, Initialisation scheme,
                    std::uint64_t seed) {
  Tensor<double> t(spec.shape);
  RandomStream random(seed, fmt::format("initialise/{}/{}", name(scheme), spec.name));
  const double inputs = static_cast<double>(fan_in(op));
  const auto* conv = std::get_if<Conv2d>(&op);
  if (scheme == Initialisation::torch || (scheme == Initialisation::he && !conv)) {
    fill_uniform(t, 1 / std::sqrt(inputs), random);
  } else if (spec.name.ends_with(".weight")) {
    if (scheme == Initialisation::he) {
      fill_normal(t, std::sqrt(2 / static_cast<double>(fan_out(*conv))), random);
    } else if (conv) {
      fill_uniform(t, std::sqrt(6 / inputs), random);
    } else {
      fill_normal(t, linear_deviation, random);
    }
  }
  return t;
}

}  // namespace

std::string_view name(Initialisation scheme) {
  return scheme == Initialisation::torch ? "torch" : scheme == Initialisation::kaiming0 ? "kaiming0" : "he";
}

Initialisation parse_initialisation(std::string_view text) {
  for (const auto scheme : {Initialisation::torch, Initialisation::kaiming0, Initialisation::he}) {
    if (name(scheme) == text) return scheme;
  }
  throw UsageError(fmt::format("unknown initialisation \"{}\": there are torch, kaiming0 and he", text));
}

Parameters initialise(const Graph& graph, Initialisation scheme, std::uint64_t seed) {
  Parameters out;
  out.reserve(graph.parameters().size());
  for (const ParameterSpec& spec : graph.parameters()) {
    const Operation& op = graph.node(spec.node).op;
    if (fan_in(op) > 0) {
      out.push_back(draw(op, spec, scheme, seed));
    } else {  // a batch norm
      const bool one = spec.name.ends_with(".weight") || spec.name.ends_with(".running_var");
      out.emplace_back(spec.shape, one ? 1.0 : 0.0);
    }
  }
  return out;
}

}  // namespace gradzone
