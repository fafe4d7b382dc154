// The linear maps that activations and pools are on known branches, forward and backward.
#pragma once

#include <span>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/exact/fast/sparse_map.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

/// Values on a segment are slope * x + offset, at a kink a constant: the map, and the constants that are to
/// be added (empty if all are 0). `codes` are those of all images, in the order of the tensor.
struct ActivationMap {
  SparseMap map;
  Tensor<double> constants;
};
ActivationMap activation_map(const Activation& op, const Shape& shape, std::span<const std::uint8_t> codes);
/// dx = derivative * dy with the choice's derivative at kinks.
SparseMap activation_gradient_map(const Activation& op, const Choice& choice, const Shape& shape,
                                  std::span<const std::uint8_t> codes);

/// y = the first member of each window's argmax set.
SparseMap max_pool_map(const MaxPool2d& op, const Shape& x_shape, const Shape& y_shape,
                       std::span<const std::uint8_t> codes);
/// dx = the sum over the windows of weight * dy, weights beta / |I| + (1 - beta) [first] on the argmax set.
SparseMap max_pool_gradient_map(const MaxPool2d& op, const Choice& choice, const Shape& x_shape,
                                const Shape& y_shape, std::span<const std::uint8_t> codes, int bits);

SparseMap average_map(const Window& window, const Shape& x_shape, const Shape& y_shape, int bits);
SparseMap average_gradient_map(const Window& window, const Shape& x_shape, const Shape& y_shape, int bits);

}  // namespace gradzone
