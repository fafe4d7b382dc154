// Arithmetic on the digits of one block fixed point number (fixed_tensor.hpp), most significant first.
#pragma once

#include <array>
#include <cstdint>

#include "gradzone/exact/fast/fixed_tensor.hpp"

namespace gradzone {

/// Room for a number of most_limbs limbs, a carry and two guard digits.
using Digits = std::array<std::int64_t, most_limbs + 3>;

/// Makes digits 1 ... count - 1 balanced; what they carry goes to digit 0.
inline void balance(std::int64_t* digits, int count) {
  for (int l = count - 1; l > 0; --l) {
    const std::int64_t carry = (digits[l] + (std::int64_t{1} << (limb_bits - 1))) >> limb_bits;
    digits[l] -= carry * (std::int64_t{1} << limb_bits);
    digits[l - 1] += carry;
  }
}

/// sum[0 ... planes) += digits[0 ... count) * 2^-shift, shift >= 0. Returns whether something nonzero fell
/// off the end; that is less than 1.6 units of the last place of `sum`.
inline bool add_shifted(std::int64_t* sum, int planes, const std::int64_t* digits, int count, int shift) {
  const int words = shift / limb_bits, bits = shift % limb_bits;
  bool lost = false;
  for (int l = 0; l < count; ++l) {
    const std::int64_t high = digits[l] >> bits;
    const std::int64_t low = (digits[l] - high * (std::int64_t{1} << bits)) << (limb_bits - bits) % limb_bits;
    if (l + words < planes) {
      sum[l + words] += high;
    } else {
      lost = lost || high != 0;
    }
    if (bits == 0) continue;
    if (l + words + 1 < planes) {
      sum[l + words + 1] += low;
    } else {
      lost = lost || low != 0;
    }
  }
  return lost;
}

/// product[0 ... limbs] = the sum of all digit products a_i b_j with i + j < limbs, digits 1 ... limbs
/// balanced. Returns whether a nonzero pair was left out; the pairs left out are less than `limbs` units of
/// the last place.
inline bool multiply(const std::int64_t* a, int a_count, const std::int64_t* b, int b_count, int limbs,
                     std::int64_t* product) {
  __extension__ using Wide = __int128;
  Wide carry = 0;
  for (int place = limbs - 1; place >= 0; --place) {
    Wide column = carry;
    for (int i = place < b_count ? 0 : place - b_count + 1; i <= place && i < a_count; ++i) {
      column += static_cast<Wide>(a[i]) * b[place - i];
    }
    const Wide half = Wide{1} << (limb_bits - 1);
    carry = (column + half) >> limb_bits;
    product[place + 1] = static_cast<std::int64_t>(column - carry * (Wide{1} << limb_bits));
  }
  product[0] = static_cast<std::int64_t>(carry);
  for (int i = 0; i < a_count; ++i) {
    if (a[i] == 0) continue;
    for (int j = limbs > i ? limbs - i : 0; j < b_count; ++j) {
      if (b[j] != 0) return true;
    }
  }
  return false;
}

}  // namespace gradzone
