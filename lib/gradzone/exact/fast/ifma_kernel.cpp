// Products with AVX-512 IFMA: vpmadd52luq and vpmadd52huq add the low and the high 52 bits of the 104-bit
// product of two unsigned 52-bit numbers to 64-bit sums.
//
// Digits are signed, so they are biased: a' = a + 2^51. With A = sum a', B = sum b' over the depth K,
//     sum a b = sum a' b' - 2^51 (A + B) + K 2^102,
// and A and B are formed once, when an operand is encoded.
#include "gradzone/exact/fast/product_kernel.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include <algorithm>

#include "gradzone/exact/fast/fixed_tensor.hpp"

#define GRADZONE_IFMA __attribute__((target("avx512f,avx512dq,avx512ifma")))

namespace gradzone {
namespace {

constexpr Index ifma_lanes = 8;
constexpr std::int64_t bias = std::int64_t{1} << (limb_bits - 1);
constexpr std::int64_t digit_mask = (std::int64_t{1} << limb_bits) - 1;
constexpr int most_places = 5;  ///< of the sum, per sweep over the operands: what registers hold

/// The digits become biased; behind them come their sums over the depth, at most 2^10 2^52 each.
GRADZONE_IFMA void encode_biased(std::int64_t* packed, Index depth, int limbs, Index width) {
  const Index row = limbs * width;
  std::int64_t* sums = packed + depth * row;
  std::fill_n(sums, row, std::int64_t{0});
  for (Index k = 0; k < depth; ++k)
    for (Index i = 0; i < row; ++i) {
      packed[k * row + i] += bias;
      sums[i] += packed[k * row + i];
    }
}

/// What one sweep reads.
struct Sweep {
  const std::int64_t* rows;
  const std::int64_t* columns;
  int row_limbs, column_limbs;
  int place;  ///< the first place p = i + j
};

/// Adds the products of places sweep.place ... + Places - 1 over steps [begin, end) to sum[row][0 ...
/// Places], where sum[.][t] has the weight of plane sweep.place + t.
template <int Places>
GRADZONE_IFMA void accumulate(const Sweep& s, Index begin, Index end,
                              __m512i (&sum)[rows_per_block][Places + 1]) {
  const std::int64_t* a = s.rows + begin * s.row_limbs * rows_per_block;
  const std::int64_t* b = s.columns + begin * s.column_limbs * ifma_lanes;
  for (Index k = begin; k < end; ++k) {
#pragma GCC unroll 8
    for (int t = 0; t < Places; ++t) {
      const int p = s.place + t;
      const int last = std::min(p, s.row_limbs - 1);
      for (int i = std::max(0, p - s.column_limbs + 1); i <= last; ++i) {
        const __m512i column = _mm512_loadu_si512(b + (p - i) * ifma_lanes);
#pragma GCC unroll 8
        for (int r = 0; r < rows_per_block; ++r) {
          const __m512i row = _mm512_set1_epi64(a[i * rows_per_block + r]);
          sum[r][t] = _mm512_madd52hi_epu64(sum[r][t], row, column);
          sum[r][t + 1] = _mm512_madd52lo_epu64(sum[r][t + 1], row, column);
        }
      }
    }
    a += s.row_limbs * rows_per_block;
    b += s.column_limbs * ifma_lanes;
  }
}

/// Moves what exceeds 52 bits of planes 1 ... one plane up; the first takes the rest modulo 2^64.
template <int Places>
GRADZONE_IFMA void carry_up(__m512i (&sum)[rows_per_block][Places + 1]) {
  const __m512i mask = _mm512_set1_epi64(digit_mask);
  for (int r = 0; r < rows_per_block; ++r)
    for (int t = Places; t > 0; --t) {
      sum[r][t - 1] = _mm512_add_epi64(sum[r][t - 1], _mm512_srli_epi64(sum[r][t], limb_bits));
      sum[r][t] = _mm512_and_si512(sum[r][t], mask);
    }
}

/// One sweep over the depth; planes place ... place + Places of `total` get what it finds. Where place > 0,
/// plane place - 1 gets the carry.
template <int Places>
GRADZONE_IFMA void sweep(const Sweep& s, Index depth, __m512i* total) {
  // Each step adds at most 2 min(limbs) numbers below 2^52 to a sum that holds 2^12 of them.
  const Index chunk = 4000 / (2 * std::min(s.row_limbs, s.column_limbs));
  for (Index begin = 0; begin < depth; begin += chunk) {
    __m512i sum[rows_per_block][Places + 1];
    for (auto& row : sum)
      for (__m512i& v : row) v = _mm512_setzero_si512();
    accumulate<Places>(s, begin, std::min(depth, begin + chunk), sum);
    carry_up<Places>(sum);
    for (int r = 0; r < rows_per_block; ++r) {
      if (s.place > 0) {
        __m512i& above = total[(s.place - 1) * rows_per_block + r];
        above = _mm512_add_epi64(above, _mm512_srli_epi64(sum[r][0], limb_bits));
        sum[r][0] = _mm512_and_si512(sum[r][0], _mm512_set1_epi64(digit_mask));
      }
      for (int t = 0; t <= Places; ++t) {
        __m512i& here = total[(s.place + t) * rows_per_block + r];
        here = _mm512_add_epi64(here, sum[r][t]);
      }
    }
  }
}

/// Subtracts 2^51 S 2^(-52 (p + 2)), S < 2^63, from the planes around p.
GRADZONE_IFMA inline void subtract_biased(__m512i s, int p, int row, __m512i* total) {
  const __m512i one = _mm512_set1_epi64(1);
  const __m512i low = _mm512_and_si512(s, _mm512_set1_epi64(digit_mask)),
                high = _mm512_srli_epi64(s, limb_bits);
  const auto from = [&](int q, __m512i v) GRADZONE_IFMA {
    __m512i& plane = total[q * rows_per_block + row];
    plane = _mm512_sub_epi64(plane, v);
  };
  from(p + 1, _mm512_slli_epi64(_mm512_and_si512(low, one), limb_bits - 1));
  const __m512i odd_high = _mm512_slli_epi64(_mm512_and_si512(high, one), limb_bits - 1);
  from(p, _mm512_add_epi64(_mm512_srli_epi64(low, 1), odd_high));
  const __m512i rest = _mm512_srli_epi64(high, 1);
  if (p > 0) {
    from(p - 1, rest);
  } else {
    from(0, _mm512_slli_epi64(rest, limb_bits));  // modulo 2^64
  }
}

/// Adds `products` times 2^102 2^(-52 (p + 2)), products <= 2^10 most_limbs: quarters of plane p - 1's unit,
/// because plane p would not hold that many.
GRADZONE_IFMA inline void add_biases(Index products, int p, int row, __m512i* total) {
  const auto to = [&](int q, std::int64_t v) GRADZONE_IFMA {
    __m512i& plane = total[q * rows_per_block + row];
    plane = _mm512_add_epi64(plane, _mm512_set1_epi64(v));
  };
  if (p > 0) {
    to(p, (products & 3) << (limb_bits - 2));
    to(p - 1, products >> 2);
  } else {
    to(0, products << (limb_bits - 2));  // one pair of limbs: below 2^61
  }
}

GRADZONE_IFMA void multiply_ifma(const std::int64_t* rows, int row_limbs, const std::int64_t* columns,
                                 int column_limbs, Index depth, int limbs, bool add, std::int64_t* sums) {
  __m512i total[(most_limbs + 2) * rows_per_block];
  for (int i = 0; i < (limbs + 1) * rows_per_block; ++i) total[i] = _mm512_setzero_si512();
  const int places = std::min(limbs, row_limbs + column_limbs - 1);
  for (int p = 0; p < places; p += most_places) {
    const Sweep s{rows, columns, row_limbs, column_limbs, p};
    switch (std::min(most_places, places - p)) {
      case 1:
        sweep<1>(s, depth, total);
        break;
      case 2:
        sweep<2>(s, depth, total);
        break;
      case 3:
        sweep<3>(s, depth, total);
        break;
      case 4:
        sweep<4>(s, depth, total);
        break;
      default:
        sweep<most_places>(s, depth, total);
    }
  }
  const std::int64_t* row_sums = rows + depth * row_limbs * rows_per_block;
  const std::int64_t* column_sums = columns + depth * column_limbs * ifma_lanes;
  for (int p = 0; p < places; ++p) {
    const int first = std::max(0, p - column_limbs + 1), last = std::min(p, row_limbs - 1);
    for (int r = 0; r < rows_per_block; ++r) {
      __m512i biased = _mm512_setzero_si512();
      for (int i = first; i <= last; ++i) {
        const __m512i of_column = _mm512_loadu_si512(column_sums + (p - i) * ifma_lanes);
        biased = _mm512_add_epi64(
            biased, _mm512_add_epi64(of_column, _mm512_set1_epi64(row_sums[i * rows_per_block + r])));
        // As many as 63 bits hold are subtracted together.
        if (i < last && 2 * depth * (i + 2 - first) <= 2 * most_depth) continue;
        subtract_biased(biased, p, r, total);
        biased = _mm512_setzero_si512();
      }
      add_biases(depth * (last - first + 1), p, r, total);
    }
  }
  for (int r = 0; r < rows_per_block; ++r) {
    for (int q = limbs; q > 0; --q) {
      __m512i& digit = total[q * rows_per_block + r];
      const __m512i carry = _mm512_srai_epi64(_mm512_add_epi64(digit, _mm512_set1_epi64(bias)), limb_bits);
      digit = _mm512_sub_epi64(digit, _mm512_slli_epi64(carry, limb_bits));
      __m512i& above = total[(q - 1) * rows_per_block + r];
      above = _mm512_add_epi64(above, carry);
    }
    for (int q = 0; q <= limbs; ++q) {
      std::int64_t* out = sums + (q * rows_per_block + r) * ifma_lanes;
      const __m512i digit = total[q * rows_per_block + r];
      _mm512_storeu_si512(out, add ? _mm512_add_epi64(_mm512_loadu_si512(out), digit) : digit);
    }
  }
}

}  // namespace

const ProductKernel* ifma_kernel() {
  static constexpr ProductKernel kernel{"ifma", ifma_lanes, encode_biased, multiply_ifma};
  static const bool supported = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                                __builtin_cpu_supports("avx512ifma");
  return supported ? &kernel : nullptr;
}

}  // namespace gradzone

#else

namespace gradzone {
const ProductKernel* ifma_kernel() {
  return nullptr;
}
}  // namespace gradzone

#endif
