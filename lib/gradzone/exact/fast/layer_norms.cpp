#include "gradzone/exact/fast/layer_norms.hpp"

#include <algorithm>
#include <cmath>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/transpose.hpp"
#include "gradzone/exact/fast/radii.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {
namespace {

constexpr int squarings = 3;

/// A A^T, every entry one chain of fused multiply-adds.
Tensor<double> gram(const Tensor<double>& matrix) {
  const Index rows = matrix.dim(0), columns = matrix.dim(1);
  Tensor<double> out;
  make_cpu_kernels<Fp64>(Order::chain)
      ->linear({.in_features = columns, .out_features = rows, .bias = false}, matrix, matrix, nullptr,
               After::nothing, out);
  return out;
}

double sum_of_squares(const Tensor<double>& t) {
  double sum = 0;
  for (const double v : t.data) sum += v * v;
  return sum;
}

/// ||A||_2^2, entries of A of any size.
double squared_spectral_bound(const Tensor<double>& matrix, int further) {
  if (matrix.dim(0) > matrix.dim(1)) return squared_spectral_bound(transposed(matrix), further);
  const Tensor<double> g = gram(matrix);
  const Index rows = g.dim(0);
  double norm = 0;
  for (Index i = 0; i < rows; ++i) {
    double sum = 0;
    for (Index j = 0; j < rows; ++j) sum += std::fabs(g[i * rows + j]);
    norm = std::max(norm, sum * slack);
  }
  if (further > 0) norm = std::min(norm, std::sqrt(squared_spectral_bound(g, further - 1)) * slack);
  const double gamma = static_cast<double>(matrix.dim(1) + 2) * 0x1p-53;
  return bound(norm + gamma * sum_of_squares(matrix) * slack);
}

}  // namespace

double spectral_bound(const Tensor<double>& matrix, int further) {
  return bound(std::min(std::sqrt(squared_spectral_bound(matrix, further)),
                        std::sqrt(sum_of_squares(matrix)) * slack));
}

LayerNorms layer_norms(const Tensor<double>& weight) {
  const Index out = weight.dim(0), in = weight.dim(1), kernel = weight.size() / std::max<Index>(1, out * in);
  LayerNorms norms;
  double largest = 0;
  for (const double w : weight.data) largest = std::max(largest, std::fabs(w));
  norms.row.assign(static_cast<std::size_t>(out), 0.0);
  norms.column.assign(static_cast<std::size_t>(in), 0.0);
  if (largest == 0) return norms;
  norms.exponent = std::ilogb(largest) + 1;

  Tensor<double> forward({out, in * kernel}), backward({in, out * kernel});
  for (Index o = 0; o < out; ++o)
    for (Index c = 0; c < in; ++c)
      for (Index k = 0; k < kernel; ++k) {
        const Index at = (o * in + c) * kernel + k;
        const double w = std::ldexp(weight[at], -norms.exponent);
        // Weights below 2^-450 of the largest are raised to that: a larger weight has a larger norm.
        const double v = weight[at] == 0 ? 0 : std::max(std::fabs(w), 0x1p-450);
        norms.row[static_cast<std::size_t>(o)] += v * v;
        norms.column[static_cast<std::size_t>(c)] += v * v;
        norms.frobenius += v * v;
        forward[at] = w;
        backward[(c * out + o) * kernel + k] = w;
      }
  const auto root = [](double& sum) { sum = bound(std::sqrt(sum * slack)); };
  std::for_each(norms.row.begin(), norms.row.end(), root);
  std::for_each(norms.column.begin(), norms.column.end(), root);
  root(norms.frobenius);
  norms.spectral = spectral_bound(forward, squarings);
  norms.spectral_backward = spectral_bound(backward, squarings);
  return norms;
}

}  // namespace gradzone
