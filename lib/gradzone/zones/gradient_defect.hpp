// What is wrong with a tensor of a gradient that rounding does not explain: recognised by measurement, so
// that it can be named.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// A tensor as it should be.
struct ExpectedTensor {
  Tensor<double> real;         ///< the real gradient, to the nearest binary64 numbers
  std::vector<double> budget;  ///< how far rounding may take each entry; infinite where it may do anything
  Tensor<double> parameter;    ///< what the gradient is taken of
  Index batch = 1;             ///< samples in the mean
};

struct Defect {
  /// In the order in which they are looked for: the first that explains every entry is the one.
  enum class Kind {
    none,        ///< every entry is within its budget
    not_finite,  ///< NaN or infinity where rounding makes none
    zero,        ///< every entry is 0
    factor,      ///< every entry is `factor` times the real one
    axes,        ///< two axes are exchanged
    signs,       ///< the entries over budget have the wrong sign and the right size
    decay,       ///< `factor` times the parameters is added
    cut,         ///< the entries over budget are 0
    other
  };
  Kind kind = Kind::none;
  Index entries = 0;                     ///< over budget
  Index first = 0, worst = 0;            ///< of these, the first one and the one furthest over its budget
  double computed = 0, real = 0;         ///< what the worst one is and should be
  double factor = 1;                     ///< of `factor` and `decay`
  std::size_t axis = 0, other_axis = 0;  ///< of `axes`
};

/// Compares a tensor with what it should be. Preconditions: all have one shape and are not empty.
Defect find_defect(const Tensor<double>& computed, const ExpectedTensor& expected);

/// The largest error of an entry in units of its budget; infinite if an entry is NaN.
double share_of_budget(const Tensor<double>& computed, const ExpectedTensor& expected);

/// Whether the defect of a tensor with so many entries is none that a jump of single branches looks like.
bool is_unmistakable(Defect::Kind kind, Index entries);

/// "scaled by 1.0100", "2 signs flipped, first at fc.weight[7]"; empty for none.
std::string defect_text(const Defect& defect, const std::string& tensor, Index batch);

/// What a factor of every entry looks like: "128 times too large: the sum over the batch instead of the
/// mean?"
std::string factor_text(double factor, Index batch);

}  // namespace gradzone
