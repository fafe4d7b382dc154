// How far rounding may take the entries of a gradient from the real ones, measured on float programs of our
// own (docs/compare.md).
#pragma once

#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/exact/certified_tensor.hpp"
#include "gradzone/zones/gradient_defect.hpp"

namespace gradzone {

/// A foreign program may be so many times as far off as our own ones are.
inline constexpr double rounding_factor = 64;
/// And so many units in the last place further.
inline constexpr double spare_ulps = 8;

/// One tensor per Graph::parameters() entry; empty where there is none.
using Gradient = std::vector<Tensor<double>>;

/// computed - certified, entry by entry.
Gradient errors_of(const Gradient& computed, const std::vector<CertifiedTensor>& certified);

class RoundingBudget {
 public:
  /// `honest` are gradients of float programs of our own, `label` is label_derivative() of the point;
  /// `may_jump` says of each tensor whether a branch that hangs on rounding reaches it. `certified` must
  /// outlive the budget.
  RoundingBudget(FormatId format, const std::vector<CertifiedTensor>& certified,
                 const std::vector<const Gradient*>& honest, Gradient label, std::vector<bool> may_jump,
                 Index batch);

  /// The part of a gradient's error that the rounding of p - 1 explains, as a multiple of label_derivative();
  /// 0 if there is more of it than rounding makes, or if there are several images, whose parts add up.
  double label_error(const Gradient& computed) const;

  /// Tensor p as it should be where p - 1 is rounded so. Its `parameter` is left empty.
  ExpectedTensor expected(std::size_t p, double label_error) const;

 private:
  double label_rounding() const;

  FormatId format_;
  const std::vector<CertifiedTensor>& certified_;
  Gradient label_;
  std::vector<bool> may_jump_;
  Index batch_;
  double largest_label_error_ = 0;  ///< of the honest gradients of a single image
  std::vector<Gradient> errors_;    ///< of the honest gradients, without what rounding p - 1 explains
};

}  // namespace gradzone
