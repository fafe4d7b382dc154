// The fully connected networks of bertoin2021's volume experiments.
#pragma once

#include "gradzone/graph/graph.hpp"

namespace gradzone {

inline constexpr Index most_mlp_layers = 1000;
inline constexpr Index most_mlp_width = 16384;

/// Whether a ReLU follows the first layer: it does in the experiments by layers, width and batch size
/// (bertoin2021, section 3), it does not in the notebook of the volume at one architecture.
enum class FirstLayer { linear, relu };

/// Input [1, 28, 28], ten logits, cross-entropy, called "mlp:<layers>x<width>", or "mlp-relu:..." with
/// FirstLayer::relu. Layers, numbered as in one nn.Sequential: layers.0 linear 784->width [, relu], then
/// layers-1 times [linear width->width, relu], then linear width->10.
/// Throws UsageError unless 1 <= layers <= most_mlp_layers and 1 <= width <= most_mlp_width.
Graph mlp(Index layers, Index width, FirstLayer first = FirstLayer::linear);

}  // namespace gradzone
