// Loss scaling: keeps small gradients above the smallest numbers of a 16-bit format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// The factor that multiplies the loss before the backward pass, and how it follows the gradients:
///   none         1
///   fixed:SCALE  SCALE
///   dynamic      starts at 65536; a step with an infinity or NaN in its gradients halves it, 2000 steps in a
///                row without one double it, unless that overflows binary32: the defaults of PyTorch's
///                GradScaler
/// With fixed and dynamic scales, a step whose gradients are not all finite is left out; with none it is
/// made.
class LossScaler {
 public:
  /// Reads "none", "fixed:1024" (a power of two, so that scaling rounds nothing, from 2^-24 to 2^24) or
  /// "dynamic". Throws UsageError.
  static LossScaler parse(std::string_view text);
  /// What parse reads.
  std::string text() const;

  /// A power of two.
  float scale() const { return scale_; }
  /// After each backward pass: were all its gradients finite? Returns whether the step is to be made.
  bool update(bool finite);

  /// What changes during a run: to save and to restore.
  struct State {
    float scale = 1;
    int finite_steps = 0;  ///< in a row
    friend bool operator==(const State&, const State&) = default;
  };
  State state() const { return {scale_, finite_steps_}; }
  void restore(const State& state) {
    scale_ = state.scale;
    finite_steps_ = state.finite_steps;
  }

 private:
  enum class Kind { none, fixed, dynamic };
  Kind kind_ = Kind::none;
  float scale_ = 1;
  int finite_steps_ = 0;
};

/// Divides all gradients by a scale, which is a power of two, in binary32. Returns whether all of them were
/// finite before.
bool unscale(std::vector<Tensor<float>>& gradients, float scale);

}  // namespace gradzone
