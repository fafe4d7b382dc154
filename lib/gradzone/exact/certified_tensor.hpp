// CertifiedTensor: enclosures of the entries of one gradient tensor, whichever engine made them.
#pragma once

#include <variant>

#include "gradzone/arith/ball.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/exact/fast/parameter_gradient.hpp"

namespace gradzone {

/// A real number within `radius` of high + low.
struct Enclosure {
  double high = 0;    ///< the double nearest to the midpoint
  double low = 0;     ///< the rest, to 53 bits more
  double radius = 0;  ///< bound of the error, that of low included
  bool exact = true;  ///< the number is high + low
};

/// The smallest ball with the interval's midpoint that contains it; an infinite radius if it is unbounded.
Ball ball_around(const MpfrInterval& x);

class CertifiedTensor {
 public:
  /// Nothing: the tensor of a parameter that is not trained.
  CertifiedTensor() = default;
  CertifiedTensor(Tensor<Ball> balls) : entries_(std::move(balls)) {}
  CertifiedTensor(ParameterGradient gradient, Shape shape);

  const Shape& shape() const;
  Index size() const;
  bool empty() const { return size() == 0; }
  Enclosure enclosure(Index i) const;
  /// The radius around the whole midpoint, as a bound.
  double radius(Index i) const;
  /// The same with all its bits.
  Ball ball(Index i) const;

 private:
  std::variant<Tensor<Ball>, ParameterGradient> entries_;
};

}  // namespace gradzone
