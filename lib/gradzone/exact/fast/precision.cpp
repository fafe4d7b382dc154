#include "gradzone/exact/fast/precision.hpp"

#include <algorithm>
#include <cmath>

namespace gradzone {
namespace {

/// log2 of how much faster the errors at a pixel grow than the numbers: spectral norm times the overlap of
/// windows against the root mean square gain of unrelated numbers.
double growth(const LinearLayer& layer, double spectral) {
  if (layer.norms.frobenius == 0) return 0;
  const Window& w = layer.op.window;
  const double overlap = std::sqrt(static_cast<double>(w.kernel_h * w.kernel_w));
  const double channels =
      std::sqrt(static_cast<double>(std::max(layer.op.in_channels, layer.op.out_channels)));
  return std::max(0.0, std::log2(spectral * overlap * channels / layer.norms.frobenius));
}

}  // namespace

int estimated_limbs(const FastNetwork& net, int bits) {
  const auto& nodes = net.graph.nodes();
  std::vector<double> lost(nodes.size(), 0);
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    for (const NodeId input : nodes[i].inputs)
      lost[i] = std::max(lost[i], lost[static_cast<std::size_t>(input)]);
    if (net.layers[i]) {
      const LinearLayer& layer = *net.layers[i];
      lost[i] += growth(layer, layer.norms.spectral) + growth(layer, layer.norms.spectral_backward);
    } else if (std::holds_alternative<MaxPool2d>(nodes[i].op)) {
      lost[i] += 1;
    }
  }
  // Within about ten bits of what evaluations of VGG, ResNet and LeNet lose.
  constexpr double reserve = 1;
  return std::clamp(static_cast<int>(std::ceil((bits + lost.back() + reserve) / limb_bits)), 2, most_limbs);
}

int gradient_limbs(int bits) {
  constexpr int reserve = 36;
  return std::clamp((bits + reserve + limb_bits - 1) / limb_bits, 1, most_limbs);
}

}  // namespace gradzone
