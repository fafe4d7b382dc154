// A format is storage + accumulator + rounding + summation order: the exact float algorithm whose gradient is
// judged. This header has the names; the arithmetic of each format is one traits file in arith/formats/.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace gradzone {

enum class FormatId { fp64, fp32, fp16, bf16, fp16_strict };

/// In which order a dot product is summed (docs/formats.md):
///   chain       fused multiply-adds in increasing index from +0, the bias added last
///   bias_first  the same chain, started at the bias
///   pairwise    binary tree over rounded products, neighbours first, the bias added last
///   lanes16     sixteen interleaved chains (index mod 16), added as a binary tree, the bias added last
///   tensor_cores  as a card's tensor cores do under their vendor's library: nobody states it. It makes
///                 formats of its own, fp16-tc, bf16-tc and tf32-tc, about which nothing but an audit says
///                 anything
enum class Order { chain, bias_first, pairwise, lanes16, tensor_cores };

inline constexpr std::array all_formats{FormatId::fp64, FormatId::fp32, FormatId::fp16, FormatId::bf16,
                                        FormatId::fp16_strict};
/// Those that are stated, and that every format has.
inline constexpr std::array all_orders{Order::chain, Order::bias_first, Order::pairwise, Order::lanes16};

struct Format {
  FormatId id = FormatId::fp32;
  Order order = Order::chain;
  friend bool operator==(const Format&, const Format&) = default;
};

std::string_view name(FormatId id);
std::string_view name(Order order);
/// Whether tensor cores multiply numbers of this storage; tf32-tc stores binary32.
constexpr bool has_tensor_cores(FormatId id) {
  return id == FormatId::fp16 || id == FormatId::bf16 || id == FormatId::fp32;
}
/// "fp32/chain", "fp16-tc"
std::string full_name(Format format);
/// Reads "fp32" (order chain), "fp32/pairwise" or "fp16-tc". Throws UsageError listing the names that exist.
Format parse_format(std::string_view text);
/// Reads a comma-separated list, at least one entry, without repeats.
std::vector<Format> parse_formats(std::string_view text);

/// Returns the formats. Throws UsageError if one of them sums in no stated order: nothing that is said about
/// an exact float algorithm can be said about it.
std::vector<Format> require_stated(std::vector<Format> formats);
/// Throws the UsageError of a format of tensor cores where no card computes.
[[noreturn]] void refuse_without_card(std::string_view format);

}  // namespace gradzone
