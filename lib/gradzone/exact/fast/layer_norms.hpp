// LayerNorms: norms of the weights of linear layers, what turns the radii of a layer's input into those of
// its output.
#pragma once

#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Upper bounds of norms of a weight [out, in, kh, kw] (or [out, in]), all in units of 2^exponent, where the
/// largest weight is in [1/2, 1).
struct LayerNorms {
  int exponent = 0;
  std::vector<double> row;     ///< [out]: 2-norm of all weights that give output channel o
  std::vector<double> column;  ///< [in]: 2-norm of all weights that read input channel c
  double frobenius = 0;
  double spectral = 0;           ///< spectral norm of the matrix out x (in kh kw)
  double spectral_backward = 0;  ///< spectral norm of the matrix in x (out kh kw)
};
LayerNorms layer_norms(const Tensor<double>& weight);

/// An upper bound of the spectral norm of a rows x columns matrix (row-major; entries at most 1 in absolute
/// value, the largest not far below, so that what underflows is nothing beside it): ||A||^2 = ||G||, G = A
/// A^T, and ||G||_2 <= ||G||_inf for the symmetric G; G itself is bounded so `squarings` times more. The
/// rounding of G, at most gamma_k ||a_i|| ||a_j|| per entry, adds gamma_k
/// ||A||_F^2 to the norm.
double spectral_bound(const Tensor<double>& matrix, int squarings);

}  // namespace gradzone
