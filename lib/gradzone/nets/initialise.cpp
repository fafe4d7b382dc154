#include "gradzone/nets/initialise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/nets/torch_generator.hpp"

namespace gradzone {
namespace {

constexpr double linear_deviation = 0.01;
constexpr Initialisation all_schemes[] = {Initialisation::torch, Initialisation::kaiming0, Initialisation::he,
                                          Initialisation::he_in};

/// A layer that draws at random.
struct Layer {
  std::string name;
  bool convolution = false, bias = false;
  Index fan_in = 0, fan_out = 0;
  std::size_t weight = 0;  ///< index of its weight among the parameters; the bias, if any, is behind it
};

/// In the graph's order, in which the originals register their modules.
std::vector<Layer> random_layers(const Graph& graph) {
  std::vector<Layer> out;
  for (const Node& node : graph.nodes()) {
    const auto first = static_cast<std::size_t>(node.first_parameter);
    if (const auto* c = std::get_if<Conv2d>(&node.op)) {
      const Index window = c->window.kernel_h * c->window.kernel_w;
      out.push_back({node.name, true, c->bias, c->in_channels * window, c->out_channels * window, first});
    } else if (const auto* l = std::get_if<Linear>(&node.op)) {
      out.push_back({node.name, false, l->bias, l->in_features, l->out_features, first});
    }
  }
  return out;
}

/// The order in which the originals construct them: a ResNet's downsampling before the rest of its block.
std::vector<Layer> in_order_of_construction(std::vector<Layer> layers) {
  constexpr std::string_view downsample = "downsample.0";
  for (auto it = layers.begin(); it != layers.end(); ++it) {
    if (!it->name.ends_with(downsample)) continue;
    const std::string block = it->name.substr(0, it->name.size() - downsample.size());
    const auto first =
        std::find_if(layers.begin(), it, [&](const Layer& l) { return l.name.starts_with(block); });
    std::rotate(first, it, it + 1);
  }
  return layers;
}

/// Draws tensors one after another.
class Drawing {
 public:
  Drawing(std::uint64_t seed, Parameters& parameters) : generator_(seed), parameters_(parameters) {}

  void uniform(std::size_t parameter, double bound) {
    draw(parameter, [&](std::span<float> values) { generator_.uniform(values, -bound, bound); });
  }
  void normal(std::size_t parameter, double deviation) {
    draw(parameter, [&](std::span<float> values) { generator_.normal(values, 0, deviation); });
  }
  void zero(std::size_t parameter) { std::ranges::fill(parameters_[parameter].data, 0.0); }

 private:
  template <class Fill>
  void draw(std::size_t parameter, const Fill& fill) {
    std::vector<double>& values = parameters_[parameter].data;
    buffer_.resize(values.size());
    fill(std::span<float>(buffer_));
    std::copy(buffer_.begin(), buffer_.end(), values.begin());
  }

  TorchGenerator generator_;
  Parameters& parameters_;
  std::vector<float> buffer_;
};

// Bounds and deviations are computed in binary64 with torch.nn.init's own operations, so that their roundings
// are the same, too.

/// reset_parameters() of Conv2d and Linear: kaiming_uniform_(weight, a=sqrt(5)), uniform_(bias).
void reset(Drawing& drawing, const Layer& layer) {
  const double a = std::sqrt(5.0), root = std::sqrt(static_cast<double>(layer.fan_in));
  drawing.uniform(layer.weight, std::sqrt(3.0) * (std::sqrt(2 / (1 + a * a)) / root));
  if (layer.bias) drawing.uniform(layer.weight + 1, 1 / root);
}

/// What a scheme does to a layer after its construction.
void initialise(Drawing& drawing, const Layer& layer, Initialisation scheme) {
  const auto deviation = [](Index fan) { return std::sqrt(2.0) / std::sqrt(static_cast<double>(fan)); };
  bool biased = false;
  if (scheme == Initialisation::kaiming0) {
    if (layer.convolution) {
      drawing.uniform(layer.weight, std::sqrt(3.0) * deviation(layer.fan_in));
    } else {
      drawing.normal(layer.weight, linear_deviation);
    }
  } else if (layer.convolution) {
    drawing.normal(layer.weight, deviation(scheme == Initialisation::he ? layer.fan_out : layer.fan_in));
  } else {
    biased = scheme == Initialisation::he;
  }
  if (layer.bias && !biased) drawing.zero(layer.weight + 1);
}

/// Batch norms at the identity; the rest zero.
Parameters before_drawing(const Graph& graph) {
  Parameters out;
  for (const ParameterSpec& spec : graph.parameters()) {
    const bool norm = std::holds_alternative<BatchNorm>(graph.node(spec.node).op);
    const bool one = norm && (spec.name.ends_with(".weight") || spec.name.ends_with(".running_var"));
    out.emplace_back(spec.shape, one ? 1.0 : 0.0);
  }
  return out;
}

}  // namespace

std::string_view name(Initialisation scheme) {
  switch (scheme) {
    case Initialisation::torch:
      return "torch";
    case Initialisation::kaiming0:
      return "kaiming0";
    case Initialisation::he:
      return "he";
    case Initialisation::he_in:
      break;
  }
  return "he-in";
}

Initialisation parse_initialisation(std::string_view text) {
  for (const auto scheme : all_schemes) {
    if (name(scheme) == text) return scheme;
  }
  throw UsageError(
      fmt::format("unknown initialisation \"{}\": there are torch, kaiming0, he and he-in", text));
}

Parameters initialise(const Graph& graph, Initialisation scheme, std::uint64_t seed) {
  Parameters out = before_drawing(graph);
  Drawing drawing(seed, out);
  const std::vector<Layer> layers = random_layers(graph);
  for (const Layer& layer : in_order_of_construction(layers)) reset(drawing, layer);
  if (scheme != Initialisation::torch)
    for (const Layer& layer : layers) initialise(drawing, layer, scheme);
  return out;
}

}  // namespace gradzone
