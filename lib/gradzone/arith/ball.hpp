// Ball: midpoint and radius; it contains the real number it stands for, whatever was rounded on the way. A
// radius of zero means that the midpoint *is* the number.
//
// Every function takes the precision of the result's midpoint in bits, keeps MPFR's ternary value, and adds
// half an ulp to the radius only where a rounding really happened: at sufficient precision sums of products
// of floats stay exact.
#pragma once

#include <utility>

#include "gradzone/arith/big_float.hpp"
#include "gradzone/arith/magnitude.hpp"
#include "gradzone/base/certain.hpp"

namespace gradzone {

struct Ball {
  BigFloat mid;
  Magnitude rad;

  Ball() = default;
  /// The double, exactly. Precondition: finite.
  explicit Ball(double x) : mid(BigFloat::exactly(x)) {}

  bool is_exact() const { return rad.is_zero(); }
};

/// -1, 0 or 1 if every point of the ball has that sign.
Certain<int> sign(const Ball& x);
/// The sign of a - b, if certain.
Certain<int> compare(const Ball& a, const Ball& b);

Ball add(const Ball& a, const Ball& b, int bits);
Ball subtract(const Ball& a, const Ball& b, int bits);
Ball multiply(const Ball& a, const Ball& b, int bits);
/// a / b; an infinite radius if b may be zero.
Ball divide(const Ball& a, const Ball& b, int bits);
/// a / n, n > 0.
Ball divide(const Ball& a, unsigned long n, int bits);
/// The square root of a number known to be non-negative (even if the ball reaches below zero).
Ball square_root(const Ball& x, int bits);
Ball exponential(const Ball& x, int bits);
/// An infinite radius if x may be zero or negative.
Ball logarithm(const Ball& x, int bits);
Ball negate(Ball x);
/// A ball that contains max(a, b).
Ball maximum(const Ball& a, const Ball& b, int bits);

/// Lower and upper bounds of the ball, rounded outwards to doubles.
std::pair<double, double> bounds(const Ball& x);
/// Bounds of |x| over the ball, rounded outwards. The lower one is 0 if the ball contains 0 (or comes so
/// close that binary64 cannot tell: ask sign() whether zero is excluded).
std::pair<double, double> absolute_bounds(const Ball& x);

/// A running sum of products in one midpoint: the ball of sum a_i b_i + sum c_i.
class BallSum {
 public:
  explicit BallSum(int bits) : product_(bits) { sum_.mid = BigFloat(bits); }
  void add_product(const Ball& a, const Ball& b);
  void add(const Ball& a);
  Ball take() { return std::move(sum_); }

 private:
  Ball sum_;
  BigFloat product_;  // scratch: multiply and add are faster than MPFR's fused operation
};

}  // namespace gradzone
