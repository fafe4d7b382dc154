// The operations a network is made of. Only shapes and hyper-parameters: no arithmetic lives here.
// Images are [channels, height, width] per sample, vectors [features].
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Sliding window in rows and columns over zero padding (max pooling pads with "no entry"): `padding` on both
/// sides and `trailing` more behind the last row or column, which is how ceil mode and asymmetric padding are
/// written (negative: less behind than in front).
struct Window {
  Index kernel_h = 1, kernel_w = 1;
  Index stride_h = 1, stride_w = 1;
  Index padding_h = 0, padding_w = 0;
  Index trailing_h = 0, trailing_w = 0;
  static Window square(Index kernel, Index stride, Index padding = 0) {
    return {kernel, kernel, stride, stride, padding, padding, 0, 0};
  }
  /// Output extent (floor convention, as PyTorch's default).
  Index out_h(Index h) const { return (h + 2 * padding_h + trailing_h - kernel_h) / stride_h + 1; }
  Index out_w(Index w) const { return (w + 2 * padding_w + trailing_w - kernel_w) / stride_w + 1; }
  friend bool operator==(const Window&, const Window&) = default;
};

struct Input {};

/// Parameters: weight [out, in, kh, kw], bias [out] if present.
struct Conv2d {
  Index in_channels = 1, out_channels = 1;
  Window window;
  bool bias = true;
};

/// Parameters: weight [out, in], bias [out] if present.
struct Linear {
  Index in_features = 1, out_features = 1;
  bool bias = true;
};

/// A continuous piecewise linear function; its kinks and slopes are in piecewise().
struct Activation {
  enum class Kind { relu, leaky_relu, relu6, abs };
  Kind kind = Kind::relu;
  double negative_slope = 0.01;  ///< leaky_relu only
};

/// Maximum over each window. `pinned_beta` fixes this layer's choice whatever the audited Choice says, so
/// that a program may contain two maxima with different derivatives (boustany2024, introduction).
struct MaxPool2d {
  Window window;
  std::optional<double> pinned_beta;
};

/// Mean over each window; padding counts as zeros in the mean (PyTorch's default).
struct AvgPool2d {
  Window window;
};

/// Mean over all rows and columns: [c, h, w] -> [c, 1, 1].
struct GlobalAvgPool {};

/// Euclidean norm of each window (boustany2024, second example).
struct NormPool2d {
  Window window;
};

/// Normalisation of each channel (axis 0 of the sample). Parameters: weight, bias (trainable), running_mean,
/// running_var (not trainable), each [channels].
struct BatchNorm {
  enum class Mode { training, evaluation };
  Index channels = 1;
  double eps = 1e-5;
  Mode mode = Mode::evaluation;
};

/// a + b, or a - b.
struct Add {
  bool subtract = false;
};

/// Concatenation of any number of inputs along channels.
struct Concat {};

struct Flatten {};

/// Identity: audits run without dropout noise.
struct Dropout {
  double probability = 0.5;
};

using Operation = std::variant<Input, Conv2d, Linear, Activation, MaxPool2d, AvgPool2d, GlobalAvgPool,
                               NormPool2d, BatchNorm, Add, Concat, Flatten, Dropout>;

/// "conv2d", "linear", "relu", ...: the `op` column of branches.csv.
std::string_view operation_name(const Operation& op);

/// slopes[i] * x + offsets[i] between kinks i-1 and i: one table serves every evaluator. The derivative at a
/// kink is the choice's (choice.hpp).
struct PiecewiseLinear {
  std::vector<double> kinks;
  std::vector<double> slopes;  ///< kinks.size() + 1 of them, and as many
  std::vector<double> offsets;
};
PiecewiseLinear piecewise(const Activation& activation);

/// True for operations with a kink: activations, max pools, norm pools.
bool has_kink(const Operation& op);

/// The window of a pooling operation, or nullptr.
const Window* pooling_window(const Operation& op);

template <class... Ts>
struct overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
overloaded(Ts...) -> overloaded<Ts...>;

}  // namespace gradzone
