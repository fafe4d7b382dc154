// ProductKernel: the inner loop of multiword products on one instruction set. All kernels return the same
// digits, because what they compute is an exact integer.
#pragma once

#include <cstdint>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Rows and columns of a block. A packed operand holds, for each step of the contraction and each limb, the
/// digits of `width` neighbours (rows: rows_per_block, columns: lanes), and after that limbs * width words
/// of the kernel's own.
inline constexpr Index rows_per_block = 4;
/// Longest contraction that one call adds up.
inline constexpr Index most_depth = 1024;

struct ProductKernel {
  const char* name;
  Index lanes;
  /// Turns a packed operand of digits into what `multiply` reads, in place.
  void (*encode)(std::int64_t* packed, Index depth, int limbs, Index width);
  /// sums[q][row][lane] becomes (or, to `add`, grows by) digit q of the sum over depth of all digit products
  /// with i + j < limbs: planes q = 0 ... limbs of weight 2^(-52 (q + 1)), 1 ... limbs balanced.
  void (*multiply)(const std::int64_t* rows, int row_limbs, const std::int64_t* columns, int column_limbs,
                   Index depth, int limbs, bool add, std::int64_t* sums);
};

/// With AVX-512 IFMA; nullptr where the processor lacks it or the compiler cannot make it.
const ProductKernel* ifma_kernel();
/// With double precision fused multiply-adds on the best SIMD target of the machine (Highway).
const ProductKernel* fma_kernel();
/// Loops over 128-bit integers: what the others are compared with.
const ProductKernel* plain_kernel();

}  // namespace gradzone
