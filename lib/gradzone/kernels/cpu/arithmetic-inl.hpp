// The formats' arithmetic on vectors: what arith/formats/ does to one number, to every lane.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_ARITHMETIC_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_ARITHMETIC_INL
#undef GRADZONE_KERNELS_CPU_ARITHMETIC_INL
#else
#define GRADZONE_KERNELS_CPU_ARITHMETIC_INL
#endif

#include <cstdint>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/tensor.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Calls body(tag, i) until [begin, end) is covered by vectors beginning at i: full ones, then ever shorter
/// ones.
template <class Real, std::size_t Lanes = 64 / sizeof(Real), class Body>
HWY_INLINE void for_each_vector(Index begin, Index end, const Body& body) {
  using D = hn::CappedTag<Real, Lanes>;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D()));
  for (; begin + lanes <= end; begin += lanes) body(D(), begin);
  if constexpr (lanes > 1) for_each_vector<Real, static_cast<std::size_t>(lanes / 2)>(begin, end, body);
}

/// binary32 to the nearest binary16 value (arith/rounding.hpp, lane by lane; no conversion instruction, so
/// that every target does the same).
template <class V>
HWY_INLINE V round_to_binary16(V x) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto constant = [di](std::int32_t value) HWY_ATTR { return hn::Set(di, value); };
  const auto bits = hn::BitCast(di, x);
  const auto magnitude = hn::And(bits, constant(0x7FFFFFFF));
  const auto even = hn::And(hn::ShiftRight<13>(magnitude), constant(1));
  const auto rounded = hn::And(hn::Add(hn::Add(magnitude, constant(0xFFF)), even), constant(~0x1FFF));
  const auto overflows = hn::Gt(rounded, constant(0x477FFFFF));
  const auto finite =
      hn::CopySign(hn::BitCast(d, hn::IfThenElse(overflows, constant(0x7F800000), rounded)), x);
  const V grid = hn::Set(d, 0.75f);  // below 2^-14 the grid is 2^-24, which adding 0.75 rounds to
  const V subnormal = hn::CopySign(hn::Sub(hn::Add(hn::Abs(x), grid), grid), x);
  const auto is_small = hn::RebindMask(d, hn::Gt(constant(0x38800000), magnitude));
  const auto is_finite = hn::RebindMask(d, hn::Gt(constant(0x7F800000), magnitude));
  return hn::IfThenElse(is_finite, hn::IfThenElse(is_small, subnormal, finite), x);
}

/// binary32 to the nearest bfloat16 value.
template <class V>
HWY_INLINE V round_to_bfloat16(V x) {
  const hn::DFromV<V> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto bits = hn::BitCast(du, x);
  const auto even = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
  const auto rounded = hn::And(hn::Add(hn::Add(bits, hn::Set(du, 0x7FFFu)), even), hn::Set(du, 0xFFFF0000u));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::BitCast(d, rounded));
}

/// a + b rounded to odd in binary32, for finite sums without overflow; other results are a + b
/// (fp16_strict.hpp).
template <class V>
HWY_INLINE V add_to_odd(V a, V b) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<decltype(d)> di;
  const V zero = hn::Zero(d);
  const V sum = hn::Add(a, b);
  const V b_part = hn::Sub(sum, a);
  const V error = hn::Add(hn::Sub(a, hn::Sub(sum, b_part)), hn::Sub(b, b_part));
  const auto bits = hn::BitCast(di, sum);
  const auto is_even = hn::Eq(hn::And(bits, hn::Set(di, 1)), hn::Zero(di));
  const auto inexact = hn::And(hn::And(hn::IsFinite(sum), hn::Ne(error, zero)), hn::Ne(sum, zero));
  const auto outward = hn::Eq(hn::BitCast(di, hn::And(hn::Xor(error, sum), hn::SignBit(d))), hn::Zero(di));
  const auto odd = hn::Add(bits, hn::IfThenElse(outward, hn::Set(di, 1), hn::Set(di, -1)));
  return hn::IfThenElse(hn::And(inexact, hn::RebindMask(d, is_even)), hn::BitCast(d, odd), sum);
}

/// Operations of an accumulator that the machine has.
struct MachineAccumulator {
  template <class V>
  static HWY_INLINE V add(V a, V b) {
    return hn::Add(a, b);
  }
  template <class V>
  static HWY_INLINE V sub(V a, V b) {
    return hn::Sub(a, b);
  }
  template <class V>
  static HWY_INLINE V mul(V a, V b) {
    return hn::Mul(a, b);
  }
  template <class V>
  static HWY_INLINE V div(V a, V b) {
    return hn::Div(a, b);
  }
  template <class V>
  static HWY_INLINE V sqrt(V a) {
    return hn::Sqrt(a);
  }
  template <class V>
  static HWY_INLINE V fma(V a, V b, V c) {
    return hn::MulAdd(a, b, c);
  }
};

/// add, sub, mul, div, sqrt, fma and store of format F.
template <class F>
struct VectorOps;

template <>
struct VectorOps<Fp64> : MachineAccumulator {
  template <class V>
  static HWY_INLINE V store(V x) {
    return x;
  }
};

template <>
struct VectorOps<Fp32> : MachineAccumulator {
  template <class V>
  static HWY_INLINE V store(V x) {
    return x;
  }
};

template <>
struct VectorOps<Fp16> : MachineAccumulator {
  template <class V>
  static HWY_INLINE V store(V x) {
    return round_to_binary16(x);
  }
};

template <>
struct VectorOps<Bf16> : MachineAccumulator {
  template <class V>
  static HWY_INLINE V store(V x) {
    return round_to_bfloat16(x);
  }
};

template <>
struct VectorOps<Fp16Strict> {
  template <class V>
  static HWY_INLINE V store(V x) {
    return round_to_binary16(x);
  }
  template <class V>
  static HWY_INLINE V add(V a, V b) {
    return store(hn::Add(a, b));
  }
  template <class V>
  static HWY_INLINE V sub(V a, V b) {
    return store(hn::Sub(a, b));
  }
  template <class V>
  static HWY_INLINE V mul(V a, V b) {
    return store(hn::Mul(a, b));
  }
  template <class V>
  static HWY_INLINE V div(V a, V b) {
    return store(hn::Div(a, b));
  }
  template <class V>
  static HWY_INLINE V sqrt(V a) {
    return store(hn::Sqrt(a));
  }
  template <class V>
  static HWY_INLINE V fma(V a, V b, V c) {
    return store(add_to_odd(hn::Mul(a, b), c));
  }
};

/// Adds `count` arrays of `size` numbers, one after the other in memory, as reference::tree_sum does; the
/// result replaces the first.
template <class F, class Real = typename F::Real>
void tree_sum(Real* arrays, Index count, Index size) {
  for (Index distance = 1; distance < count; distance *= 2)
    for (Index g = 0; g + distance < count; g += 2 * distance) {
      Real* left = arrays + g * size;
      const Real* right = left + distance * size;
      for_each_vector<Real>(0, size, [&](auto d, Index i) HWY_ATTR {
        hn::StoreU(VectorOps<F>::add(hn::LoadU(d, left + i), hn::LoadU(d, right + i)), d, left + i);
      });
    }
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
