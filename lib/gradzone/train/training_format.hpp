// The formats a network can be trained in: those of arith/, and amp16, which mixes two of them.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/arith/format.hpp"

namespace gradzone {

struct TrainingFormat {
  FormatId computed = FormatId::fp32;  ///< activations and their gradients
  FormatId kept = FormatId::fp32;      ///< parameters, optimiser state and checkpoints
  Order order = Order::chain;          ///< of the sums

  constexpr TrainingFormat() = default;
  /// Everything in one format.
  constexpr TrainingFormat(FormatId id, Order sums = Order::chain) : computed(id), kept(id), order(sums) {}
  constexpr TrainingFormat(FormatId computed_in, FormatId kept_in, Order sums = Order::chain)
      : computed(computed_in), kept(kept_in), order(sums) {}

  bool mixed() const { return computed != kept; }
  friend auto operator<=>(const TrainingFormat&, const TrainingFormat&) = default;
};

/// Mixed precision (docs/formats.md): computed in fp16, kept in fp32. The only mix there is.
inline constexpr TrainingFormat amp16{FormatId::fp16, FormatId::fp32};

/// "fp32" and "amp16" in the order chain; "fp32/bias-first"; "fp16-tc" and "amp16-tc"
std::string name(TrainingFormat format);
/// name() as a part of a file's name: "fp32", "fp32-bias-first"
std::string file_part(TrainingFormat format);
/// "fp32/chain", "amp16/bias-first", "fp16-tc"
std::string full_name(TrainingFormat format);
/// Reads either name. Throws UsageError listing formats and orders.
TrainingFormat parse_training_format(std::string_view text);
/// Reads a comma-separated list, at least one entry, without repeats.
std::vector<TrainingFormat> parse_training_formats(std::string_view text);

}  // namespace gradzone
