#include "gradzone/nets/mlp.hpp"

#include <fmt/format.h>

#include "gradzone/base/error.hpp"

namespace gradzone {

Graph mlp(Index layers, Index width) {
  if (layers < 1 || layers > most_mlp_layers || width < 1 || width > most_mlp_width) {
    throw UsageError(fmt::format("mlp:{}x{}: layers must be 1 ... {} and the width 1 ... {}", layers, width,
                                 most_mlp_layers, most_mlp_width));
  }
  GraphBuilder net(fmt::format("mlp:{}x{}", layers, width), {1, 28, 28});
  int number = 0;
  const auto next = [&number] { return fmt::format("layers.{}", number++); };
  net.then("flatten", Flatten{});
  net.then(next(), Linear{784, width});
  for (Index i = 1; i < layers; ++i) {
    net.then(next(), Linear{width, width});
    net.then(next(), Activation{});
  }
  net.then(next(), Linear{width, 10});
  return net.build(Loss::cross_entropy);
}

}  // namespace gradzone
