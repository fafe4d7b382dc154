// The layers with parameters, on multiword enclosures: convolution, linear, batch norm, forward and backward.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "gradzone/exact/fast/fixed_values.hpp"
#include "gradzone/exact/fast/layer_norms.hpp"
#include "gradzone/exact/fast/parameter_gradient.hpp"
#include "gradzone/exact/fast/products.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// The parameters of a convolution or linear layer, converted once. A linear layer is a 1x1 convolution.
struct LinearLayer {
  Conv2d op;
  bool image = true;                            ///< whether inputs are images; a linear layer's are vectors
  FixedTensor weight;                           ///< exact
  std::optional<FixedValues> bias;              ///< [1, out]
  Tensor<double> weight_numbers, bias_numbers;  ///< the same as doubles; an empty bias if there is none
  LayerNorms norms;
  std::shared_ptr<WeightPacks> packs = std::make_shared<WeightPacks>();  ///< of `weight`
};

/// Of node `node`, a Conv2d or Linear. Returns nothing if most_limbs limbs cannot hold the weights exactly:
/// then the fast engine has no arithmetic for the network.
std::optional<LinearLayer> linear_layer(const Graph& graph, NodeId node, const Parameters& parameters);

FixedValues forward(const LinearLayer& layer, const FixedValues& x, int limbs);
/// dL/dx from dL/dy.
FixedValues input_gradient(const LinearLayer& layer, const FixedValues& dy, const Shape& x_shape, int limbs);
/// dL/dw, of shape [out, in, kh, kw].
ParameterGradient weight_gradient(const LinearLayer& layer, const FixedValues& x, const FixedValues& dy,
                                  int limbs);
/// The sum over images and pixels of each channel, [channels]: dL/db of any layer.
ParameterGradient channel_sums(const FixedValues& v, int limbs);
/// x y, entry by entry.
FixedValues multiply(const FixedValues& x, const FixedValues& y, int limbs);

/// y = scale[c] x, one interval per channel.
FixedValues scale_channels(const FixedValues& x, const std::vector<MpfrInterval>& scale, int limbs);

}  // namespace gradzone
