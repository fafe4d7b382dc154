// What stands between the carriers of a format and a library that multiplies its numbers as they are stored.
#pragma once

#include <cstdint>

#include "gradzone/arith/formats.hpp"
#include "gradzone/kernels/cuda/divisor.hpp"
#include "gradzone/kernels/cuda/vendor_products.hpp"

namespace gradzone::device {

/// Values of F as the library takes them.
template <class F>
struct Packing;

template <>
struct Packing<Fp16> {
  using Packed = std::uint16_t;
  static constexpr Factor factor = Factor::binary16;
  GRADZONE_HOST_DEVICE static Packed pack(float v) { return binary16_bits(v); }
  GRADZONE_HOST_DEVICE static float unpack(Packed p) { return binary16_value(p); }
};

template <>
struct Packing<Bf16> {
  using Packed = std::uint16_t;
  static constexpr Factor factor = Factor::bfloat16;
  GRADZONE_HOST_DEVICE static Packed pack(float v) { return bfloat16_bits(v); }
  GRADZONE_HOST_DEVICE static float unpack(Packed p) { return bfloat16_value(p); }
};

template <>
struct Packing<Fp32> {
  using Packed = float;
  static constexpr Factor factor = Factor::tf32;
  GRADZONE_HOST_DEVICE static Packed pack(float v) { return v; }
  GRADZONE_HOST_DEVICE static float unpack(Packed p) { return p; }
};

template <class F>
struct Pack {
  const float* from;
  typename Packing<F>::Packed* to;
  GRADZONE_HOST_DEVICE void operator()(Index i) const { to[i] = Packing<F>::pack(from[i]); }
};

template <class F>
struct Unpack {
  const typename Packing<F>::Packed* from;
  float* to;
  GRADZONE_HOST_DEVICE void operator()(Index i) const { to[i] = Packing<F>::unpack(from[i]); }
};

/// Weights [out][in][taps] as [out][taps][in]. Entry i of the latter.
template <class F>
struct PackWeights {
  const float* from;
  typename Packing<F>::Packed* to;
  Divisor in, taps;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    int out = static_cast<int>(i);
    const int c = in.split(out), tap = taps.split(out);
    to[i] = Packing<F>::pack(from[(Index{out} * in.value() + c) * taps.value() + tap]);
  }
};

/// ... and back. Entry i of [out][in][taps].
template <class F>
struct UnpackWeights {
  const typename Packing<F>::Packed* from;
  float* to;
  Divisor in, taps;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    int out = static_cast<int>(i);
    const int tap = taps.split(out), c = in.split(out);
    to[i] = Packing<F>::unpack(from[(Index{out} * taps.value() + tap) * in.value() + c]);
  }
};

/// What follows the library's sums, which may lie where the result goes.
template <class F>
struct FinishOutput {
  const typename Packing<F>::Packed* sums;
  const float* bias;  ///< or null
  float* y;
  Divisor channels;
  bool relu;
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    float v = Packing<F>::unpack(sums[i]);
    int rest = static_cast<int>(i);
    if (bias) v = F::store(F::add(v, bias[channels.split(rest)]));
    y[i] = relu && v <= 0 ? 0.0f : v;
  }
};

/// Images [n][h][w][channels], moved: entry i of the result is the one so many rows `down` and columns
/// `right` of it, zero where there is none.
struct MoveImages {
  const float* from;
  float* to;
  int from_h, from_w, down, right;
  Divisor channels, columns, rows;  ///< of the result
  GRADZONE_HOST_DEVICE void operator()(Index i) const {
    int image = static_cast<int>(i);
    const int c = channels.split(image), column = columns.split(image) + right,
              row = rows.split(image) + down;
    const bool inside = row >= 0 && row < from_h && column >= 0 && column < from_w;
    to[i] = inside ? from[((Index{image} * from_h + row) * from_w + column) * channels.value() + c] : 0.0f;
  }
};

}  // namespace gradzone::device
