// What the agreement tests share: random storage values with the awkward ones among them, every machine the
// kernels can run on (SIMD target, number of threads), and a comparison bit by bit.
#pragma once

#include "gradzone/kernels/cpu/targets.hpp"
// After targets.hpp, which says what the kernels are compiled for.
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <tuple>

#include "agree/device_adaptor.hpp"
#include "gradzone/arith/formats.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone::agree {

template <class List>
struct TestTypes;
template <class... F>
struct TestTypes<TypeList<F...>> {
  using Types = ::testing::Types<F...>;
};
using FormatTypes = TestTypes<FormatList>::Types;

struct FormatName {
  template <class F>
  static std::string GetName(int) {
    std::string text(name(F::id));
    for (char& c : text)
      if (c == '-') c = '_';
    return text;
  }
};

/// smooth: uniform on [-1, 1). coarse: few bits, zeros of both signs, so that ties and exact cancellations
/// abound. extreme: all magnitudes from subnormal to overflow, and now and then an infinity or a NaN.
enum class Mix { smooth, coarse, extreme };
inline constexpr Mix all_mixes[] = {Mix::smooth, Mix::coarse, Mix::extreme};

template <class F>
typename F::Real random_value(RandomStream& random, Mix mix) {
  switch (mix) {
    case Mix::smooth:
      return F::from_double(random.uniform(-1, 1));
    case Mix::coarse: {
      const auto value = F::from_double((static_cast<double>(random.below(9)) - 4) / 4);
      return value == 0 && random.below(2) == 0 ? -value : value;
    }
    case Mix::extreme:
      break;
  }
  const std::uint64_t kind = random.below(400);
  if (kind == 0) return std::numeric_limits<typename F::Real>::quiet_NaN();
  if (kind < 3)
    return kind == 1 ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
  if (kind < 20) return kind % 2 == 0 ? 0.0 : -0.0;
  const double significand = random.uniform(-2, 2);
  if (kind < 200)
    return F::from_double(std::ldexp(significand, F::emin + 3 - static_cast<int>(random.below(8))));
  if (kind < 215) return F::from_double(std::ldexp(significand, F::emax - static_cast<int>(random.below(3))));
  return F::from_double(std::ldexp(significand, static_cast<int>(random.below(21)) - 10));
}

template <class F>
Tensor<typename F::Real> random_tensor(Shape shape, RandomStream& random, Mix mix) {
  Tensor<typename F::Real> out(std::move(shape));
  for (auto& value : out.data) value = random_value<F>(random, mix);
  return out;
}

template <class T, std::size_t N>
T pick(const T (&values)[N], RandomStream& random) {
  return values[random.below(N)];
}

inline std::uint64_t bits_of(double x) {
  return std::bit_cast<std::uint64_t>(x);
}
inline std::uint32_t bits_of(float x) {
  return std::bit_cast<std::uint32_t>(x);
}

/// Bit by bit; all NaNs are the same.
template <class Real>
::testing::AssertionResult same_bits(const Tensor<Real>& expected, const Tensor<Real>& actual) {
  if (expected.shape != actual.shape) {
    return ::testing::AssertionFailure()
           << "shape " << to_string(actual.shape) << " instead of " << to_string(expected.shape);
  }
  for (Index i = 0; i < expected.size(); ++i) {
    if (bits_of(expected[i]) == bits_of(actual[i])) continue;
    if (expected[i] != expected[i] && actual[i] != actual[i]) continue;
    return ::testing::AssertionFailure() << "entry " << i << " of " << to_string(expected.shape) << " is "
                                         << std::hexfloat << actual[i] << " instead of " << expected[i];
  }
  return ::testing::AssertionSuccess();
}

/// Calls body(kernels) for every SIMD target of this machine and 1, 2 and 3 threads, and for the kernels of a
/// device: played by the host, and where there is a card, the card.
template <class F, class Body>
void on_every_machine(const Body& body, Order order = Order::chain) {
  // Without this, oneTBB caps arenas at the number of cores.
  const tbb::global_control allow(tbb::global_control::max_allowed_parallelism, 3);
  hwy::SetSupportedTargetsForTest(0);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    for (const int threads : {1, 2, 3}) {
      SCOPED_TRACE(::testing::Message() << hwy::TargetName(target) << ", " << threads << " threads");
      const auto kernels = make_cpu_kernels<F>(order);
      tbb::task_arena arena(threads);
      arena.execute([&] { body(*kernels); });
    }
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  if (order != Order::chain) return;  // the only one that devices have
  on_every_device([&](Device& device) { body(DeviceAdaptor<F>(device)); });
}

}  // namespace gradzone::agree
