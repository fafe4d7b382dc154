// Random parameters from a seed: the very weights that PyTorch gives its originals. Initialisation matters
// for zones, so the schemes of both papers exist.
#pragma once

#include <cstdint>
#include <string_view>

#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// How weights and biases of convolutions and linear layers are drawn; fan_in is the number of inputs that
/// one output reads, fan_out the number of outputs that one input feeds (of a convolution, at stride 1).
///   torch     weights and biases uniform on +-1/sqrt(fan_in): PyTorch's default reset, and what the
///   originals
///             of LeNet-5, VGG and MLP train from
///   kaiming0  convolutions: weights uniform on +-sqrt(6/fan_in) (Kaiming, fan-in); linear layers: weights
///             normal with mean 0 and standard deviation 0.01; all biases zero: the volume experiments of
///             boustany2024
///   he        convolutions: weights normal with mean 0 and variance 2/fan_out, biases zero; linear layers as
///             torch: ResNet's own
///   he-in     convolutions: weights normal with mean 0 and variance 2/fan_in, biases zero; linear layers:
///             weights as torch, biases zero: DenseNet's own
/// Batch norms start at weight 1, bias 0, running_mean 0, running_var 1.
enum class Initialisation { torch, kaiming0, he, he_in };

std::string_view name(Initialisation scheme);
/// Throws UsageError listing the names.
Initialisation parse_initialisation(std::string_view text);

/// Parameters in the order of graph.parameters(), binary32 values, the same on every machine: what PyTorch's
/// module holds after torch.manual_seed(seed), its construction, which draws as torch does, and then, for the
/// other schemes, a pass over its modules in the order of their names' registration. Numbers come from
/// TorchGenerator (see there for which PyTorch's), in the order of the originals: layer after layer as the
/// graph has them, weight before bias, except that the construction of a ResNet makes the downsampling
/// convolution of a block before the block. In PyTorch, later draws of a program depend on these.
Parameters initialise(const Graph& graph, Initialisation scheme, std::uint64_t seed);

}  // namespace gradzone
