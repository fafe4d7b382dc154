// Products with double precision fused multiply-adds, on every SIMD target that has them: the portable path.
//
// Digits are integers of at most 2^51, held in doubles. With C = 1.5 2^103, whose ulp is 2^51,
//     h = fma(a, b, C)            C + the multiple of 2^51 nearest to a b,
//     s = (C + 1.5 2^52) - h      exact,
//     l = fma(a, b, s)            1.5 2^52 + the rest, exact: |rest| <= 2^50.
// The patterns of doubles in one binade count like integers, so h and l are added up as 64-bit integers
// modulo 2^64, and what the constants contribute is subtracted at the end.
#include "gradzone/kernels/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradzone/exact/fast/fma_kernel.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, which sets the target.
#include <algorithm>
#include <bit>
#include <cstring>

#include "gradzone/exact/fast/fixed_tensor.hpp"
#include "gradzone/exact/fast/product_kernel.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

#if HWY_NATIVE_FMA && HWY_HAVE_FLOAT64

namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Integers = hn::ScalableTag<std::int64_t>;
using Vector = hn::Vec<Doubles>;
using Sum = hn::Vec<Integers>;

constexpr Index fma_lanes = static_cast<Index>(hn::MaxLanes(Doubles()));
constexpr double split = 1.5 * 0x1p103;
constexpr double unsplit = 1.5 * 0x1p52;
/// Places of the sum per sweep: one with 16 registers, three with 32.
constexpr int most_places = HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON ? 3 : 1;
constexpr int block_rows = static_cast<int>(rows_per_block);

/// Integers below 2^53 to the doubles of the same value, in place.
void encode_doubles(std::int64_t* packed, Index depth, int limbs, Index width) {
  for (Index i = 0; i < depth * limbs * width; ++i) {
    packed[i] = std::bit_cast<std::int64_t>(static_cast<double>(packed[i]));
  }
}

struct Sweep {
  const double* rows;
  const double* columns;
  int row_limbs, column_limbs;
  int place;
};

/// Sums of h and of l, per row and place.
template <int Places>
struct Sums {
  Sum high[block_rows][Places], low[block_rows][Places];
};

template <int Places>
HWY_INLINE void accumulate(const Sweep& s, Index begin, Index end, Sums<Places>& sums) {
  const Doubles d;
  const Integers di;
  const Vector c = hn::Set(d, split), c2 = hn::Set(d, split + unsplit);
  const double* a = s.rows + begin * s.row_limbs * rows_per_block;
  const double* b = s.columns + begin * s.column_limbs * fma_lanes;
  for (Index k = begin; k < end; ++k) {
    for (int t = 0; t < Places; ++t) {
      const int p = s.place + t, last = std::min(p, s.row_limbs - 1);
      for (int i = std::max(0, p - s.column_limbs + 1); i <= last; ++i) {
        const Vector column = hn::LoadU(d, b + (p - i) * fma_lanes);
        for (int r = 0; r < block_rows; ++r) {
          const Vector row = hn::Set(d, a[i * rows_per_block + r]);
          const Vector high = hn::MulAdd(row, column, c);
          const Vector low = hn::MulAdd(row, column, hn::Sub(c2, high));
          sums.high[r][t] = hn::Add(sums.high[r][t], hn::BitCast(di, high));
          sums.low[r][t] = hn::Add(sums.low[r][t], hn::BitCast(di, low));
        }
      }
    }
    a += s.row_limbs * rows_per_block;
    b += s.column_limbs * fma_lanes;
  }
}

HWY_INLINE void add_to(std::int64_t* plane, Sum v) {
  const Integers di;
  hn::StoreU(hn::Add(hn::LoadU(di, plane), v), di, plane);
}

/// Adds v, of a plane's weight, to the planes q and q - 1, so that each takes at most 2^52.
HWY_INLINE void add_carried(std::int64_t* sums, int q, int row, Sum v) {
  const Integers di;
  std::int64_t* here = sums + (q * block_rows + row) * fma_lanes;
  if (q > 0) {
    const Sum carry = hn::ShiftRight<limb_bits>(v);
    add_to(here - block_rows * fma_lanes, carry);
    v = hn::Sub(v, hn::ShiftLeft<limb_bits>(carry));
  }
  hn::StoreU(hn::Add(hn::LoadU(di, here), v), di, here);
}

/// One sweep over the depth: planes of sums[q][row][lane] get what the places find.
template <int Places>
HWY_INLINE void sweep(const Sweep& s, Index depth, std::int64_t* sums) {
  const Integers di;
  // Each step adds at most min(limbs) numbers of at most 2^52 to a sum of 63 bits and a sign.
  const int most_pairs = std::min(s.row_limbs, s.column_limbs);
  const Index chunk = 1024 / most_pairs;
  for (Index begin = 0; begin < depth; begin += chunk) {
    const Index end = std::min(depth, begin + chunk);
    Sums<Places> found;
    for (int r = 0; r < block_rows; ++r)
      for (int t = 0; t < Places; ++t) found.high[r][t] = found.low[r][t] = hn::Zero(di);
    accumulate<Places>(s, begin, end, found);
    for (int t = 0; t < Places; ++t) {
      const int p = s.place + t;
      const int pairs = std::min(p, s.row_limbs - 1) - std::max(0, p - s.column_limbs + 1) + 1;
      // What the constants added, modulo 2^64.
      const std::uint64_t products =
          static_cast<std::uint64_t>(end - begin) * static_cast<std::uint64_t>(pairs);
      const auto patterns = [&](double constant) HWY_ATTR {
        return hn::Set(di, static_cast<std::int64_t>(products * std::bit_cast<std::uint64_t>(constant)));
      };
      const Sum of_high = patterns(split), of_low = patterns(unsplit);
      for (int r = 0; r < block_rows; ++r) {
        // high counts halves of plane p.
        const Sum high = hn::Sub(found.high[r][t], of_high), low = hn::Sub(found.low[r][t], of_low);
        const Sum odd = hn::And(high, hn::Set(di, std::int64_t{1}));
        add_carried(sums, p, r, hn::ShiftRight<1>(high));
        add_carried(sums, p + 1, r, hn::Add(low, hn::ShiftLeft<limb_bits - 1>(odd)));
      }
    }
  }
}

void multiply_doubles(const std::int64_t* rows, int row_limbs, const std::int64_t* columns, int column_limbs,
                      Index depth, int limbs, bool add, std::int64_t* sums) {
  const Integers di;
  HWY_ALIGN std::int64_t total[(most_limbs + 2) * block_rows * fma_lanes] = {};
  const int places = std::min(limbs, row_limbs + column_limbs - 1);
  for (int p = 0; p < places; p += most_places) {
    const Sweep s{reinterpret_cast<const double*>(rows), reinterpret_cast<const double*>(columns), row_limbs,
                  column_limbs, p};
    const int here = std::min(most_places, places - p);
    if (here == 1) sweep<1>(s, depth, total);
    if constexpr (most_places > 1) {
      if (here == 2) sweep<2>(s, depth, total);
      if (here == 3) sweep<3>(s, depth, total);
    }
  }
  for (int r = 0; r < block_rows; ++r) {
    Sum carry = hn::Zero(di);
    for (int q = limbs; q >= 0; --q) {
      const Index at = (q * block_rows + r) * fma_lanes;
      Sum digit = hn::Add(hn::LoadU(di, total + at), carry);
      if (q > 0) {
        carry = hn::ShiftRight<limb_bits>(hn::Add(digit, hn::Set(di, std::int64_t{1} << (limb_bits - 1))));
        digit = hn::Sub(digit, hn::ShiftLeft<limb_bits>(carry));
      }
      hn::StoreU(add ? hn::Add(hn::LoadU(di, sums + at), digit) : digit, di, sums + at);
    }
  }
}

const ProductKernel* kernel() {
  static constexpr ProductKernel fma{"fma", fma_lanes, encode_doubles, multiply_doubles};
  return &fma;
}

#else

const ProductKernel* kernel() {
  return plain_kernel();
}

#endif

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradzone {

HWY_EXPORT(kernel);

const ProductKernel* fma_kernel() {
  return HWY_DYNAMIC_DISPATCH(kernel)();
}

}  // namespace gradzone
#endif
