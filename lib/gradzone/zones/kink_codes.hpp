// The branch codes of one kink, float and real, side by side. Internal to zones/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/zones/branch_comparison.hpp"

namespace gradzone {

/// The codes of one kink: a pooling window's entries, or a single code.
using Codes = std::span<const std::uint8_t>;

inline Index codes_per_kink(const Operation& op) {
  const auto* pool = std::get_if<MaxPool2d>(&op);
  return pool ? pool->window.kernel_h * pool->window.kernel_w : 1;
}

inline Codes codes_of(const LayerBranches& branches, Index kink, Index size) {
  return Codes(branches.codes).subspan(static_cast<std::size_t>(kink * size), static_cast<std::size_t>(size));
}

inline bool is_unknown(Codes codes) {
  return std::find(codes.begin(), codes.end(), unknown_branch) != codes.end();
}

/// A max-pool window with several maximal entries, an activation on a kink, a zero window of a norm pool.
inline bool is_tie(const Operation& op, Codes codes) {
  if (std::holds_alternative<MaxPool2d>(op))
    return std::count(codes.begin(), codes.end(), std::uint8_t{1}) > 1;
  return codes[0] % 2 == 1 && codes[0] != unknown_branch;
}

Site compare(const Operation& op, Codes floats, Codes reals);

}  // namespace gradzone
