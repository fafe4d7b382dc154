#include <algorithm>

#include "gradzone/exact/fast/digits.hpp"
#include "gradzone/exact/fast/product_kernel.hpp"

namespace gradzone {
namespace {

__extension__ using Wide = __int128;
constexpr Index plain_lanes = 4;

void multiply_plain(const std::int64_t* rows, int row_limbs, const std::int64_t* columns, int column_limbs,
                    Index depth, int limbs, bool add, std::int64_t* sums) {
  for (Index r = 0; r < rows_per_block; ++r)
    for (Index v = 0; v < plain_lanes; ++v) {
      Digits digits{};
      Wide carry = 0;
      for (int place = limbs - 1; place >= 0; --place) {
        Wide column = carry;
        for (int i = std::max(0, place - column_limbs + 1); i <= std::min(place, row_limbs - 1); ++i)
          for (Index k = 0; k < depth; ++k) {
            column += static_cast<Wide>(rows[(k * row_limbs + i) * rows_per_block + r]) *
                      columns[(k * column_limbs + place - i) * plain_lanes + v];
          }
        carry = (column + (Wide{1} << (limb_bits - 1))) >> limb_bits;
        digits[static_cast<std::size_t>(place) + 1] =
            static_cast<std::int64_t>(column - carry * (Wide{1} << limb_bits));
      }
      digits[0] = static_cast<std::int64_t>(carry);
      for (int q = 0; q <= limbs; ++q) {
        std::int64_t& sum = sums[(q * rows_per_block + r) * plain_lanes + v];
        sum = (add ? sum : 0) + digits[static_cast<std::size_t>(q)];
      }
    }
}

void encode_nothing(std::int64_t*, Index, int, Index) {}

}  // namespace

const ProductKernel* plain_kernel() {
  static constexpr ProductKernel kernel{"plain", plain_lanes, encode_nothing, multiply_plain};
  return &kernel;
}

}  // namespace gradzone
