// IntegerKernelsOn: the integer products as bodies on a queue, of a card or of the host.
#pragma once

#include <algorithm>

#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/cuda/integer_kernels.hpp"

namespace gradzone::device {

template <class Queue>
class IntegerKernelsOn final : public IntegerKernels {
 public:
  IntegerKernelsOn(Device& device, Queue queue) : device_(device), queue_(queue) {}

  void multiply_digits(ConvolutionSums which, const ConvolutionShape& shape, const Planes<std::int64_t>& a,
                       const Planes<std::int64_t>& b, const DigitPlanes& out) override {
    with_problem(which, shape, [&](const auto& problem) {
      const int places = std::min(out.limbs, a.count + b.count - 1);
      const Cut cut = multiply<DigitArithmetic>(problem, a, b, places, digit_totals_);
      run_each(queue_, outputs(problem),
               DigitsOf<Problem<decltype(problem)>>{problem, cut, digit_totals_.data(), out});
    });
  }

  void multiply_residues(ConvolutionSums which, const ConvolutionShape& shape, std::int32_t prime,
                         const std::int32_t* a, const std::int32_t* b, const std::int32_t* bias,
                         std::int32_t* out) override {
    with_problem(which, shape, [&](const auto& problem) {
      const Cut cut = multiply<ResidueArithmetic>(problem, Planes<std::int32_t>{a, 1, 0},
                                                  Planes<std::int32_t>{b, 1, 0}, 1, residue_totals_);
      run_each(
          queue_, outputs(problem),
          ResiduesOf<Problem<decltype(problem)>>{problem, cut, residue_totals_.data(), bias, prime, out});
    });
  }

 private:
  template <class T>
  using Problem = std::remove_cvref_t<T>;

  template <class Body>
  static void with_problem(ConvolutionSums which, const ConvolutionShape& shape, const Body& body) {
    switch (which) {
      case ConvolutionSums::output:
        return body(OutputSums(shape));
      case ConvolutionSums::input_gradient:
        return body(InputGradientSums(shape));
      case ConvolutionSums::weight_gradient:
        return body(WeightGradientSums(shape));
    }
  }
  template <class P>
  static Index outputs(const P& problem) {
    return static_cast<Index>(problem.rows) * problem.columns;
  }

  template <class Arithmetic, class P, class Value>
  Cut multiply(const P& problem, const Planes<Value>& a, const Planes<Value>& b, int places,
               DeviceArray<typename Arithmetic::Total>& totals) {
    using Body = IntegerProducts<Arithmetic, P>;
    const int pairs = std::min({places, a.count, b.count});
    const int chunk = Arithmetic::longest / pairs / Body::depth * Body::depth;
    const Cut cut{places, (problem.terms + chunk - 1) / chunk, chunk};
    totals.resize(device_, static_cast<std::size_t>(cut.sums() * outputs(problem)));
    const Body body{problem, a, b, cut, totals.data()};
    queue_.run(body.blocks(), body);
    return cut;
  }

  Device& device_;
  Queue queue_;
  DeviceArray<Wide> digit_totals_;
  DeviceArray<std::int64_t> residue_totals_;
};

}  // namespace gradzone::device
