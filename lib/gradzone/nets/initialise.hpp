// Random parameters from a seed. Initialisation matters for zones (experiments.md): both schemes of the
// papers exist.
#pragma once

#include <cstdint>
#include <string_view>

#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// How weights and biases of convolutions and linear layers are drawn; fan_in is the number of inputs that
/// one output reads.
///   torch     weights and biases uniform on +-1/sqrt(fan_in): PyTorch's default reset
///   kaiming0  convolutions: weights uniform on +-sqrt(6/fan_in) (Kaiming, fan-in); linear layers: weights
///   normal with
///             mean 0 and standard deviation 0.01; all biases zero: the volume experiments of boustany2024
///   he       convolutions: weights normal with mean 0 and variance 2 / fan_out (He, fan-out), biases zero;
///             linear layers as `torch`: torchvision's ResNet
/// Batch norms start at weight 1, bias 0, running_mean 0, running_var 1.
enum class Initialisation { torch, kaiming0, he };

std::string_view name(Initialisation scheme);
/// Throws UsageError listing the names.
Initialisation parse_initialisation(std::string_view text);

/// Parameters in the order of graph.parameters(), every value rounded to binary32. Each tensor has a random
/// stream of its own, named after it, so the numbers depend on (seed, scheme, tensor name, shape) alone and
/// are the same on every machine. Normal variates come from Marsaglia's polar method with a correctly rounded
/// logarithm.
Parameters initialise(const Graph& graph, Initialisation scheme, std::uint64_t seed);

}  // namespace gradzone
