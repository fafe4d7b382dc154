#include "gradzone/nets/mlp.hpp"

#include <fmt/format.h>

#include <string>

#include "gradzone/base/error.hpp"

namespace gradzone {

Graph mlp(Index layers, Index width, FirstLayer first) {
  const std::string name =
      fmt::format("{}:{}x{}", first == FirstLayer::relu ? "mlp-relu" : "mlp", layers, width);
  if (layers < 1 || layers > most_mlp_layers || width < 1 || width > most_mlp_width) {
    throw UsageError(fmt::format("{}: layers must be 1 ... {} and the width 1 ... {}", name, most_mlp_layers,
                                 most_mlp_width));
  }
  GraphBuilder net(name, {1, 28, 28});
  int number = 0;
  const auto next = [&number] { return fmt::format("layers.{}", number++); };
  net.then("flatten", Flatten{});
  net.then(next(), Linear{784, width});
  if (first == FirstLayer::relu) net.then(next(), Activation{});
  for (Index i = 1; i < layers; ++i) {
    net.then(next(), Linear{width, width});
    net.then(next(), Activation{});
  }
  net.then(next(), Linear{width, 10});
  return net.build(Loss::cross_entropy);
}

}  // namespace gradzone
