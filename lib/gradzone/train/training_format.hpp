// The formats a network can be trained in: those of arith/, and amp16, which mixes two of them.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/arith/format.hpp"

namespace gradzone {

/// Sums are in the order `chain`.
struct TrainingFormat {
  FormatId computed = FormatId::fp32;  ///< activations and their gradients
  FormatId kept = FormatId::fp32;      ///< parameters, optimiser state and checkpoints

  constexpr TrainingFormat() = default;
  /// Everything in one format.
  constexpr TrainingFormat(FormatId id) : computed(id), kept(id) {}
  constexpr TrainingFormat(FormatId computed_in, FormatId kept_in) : computed(computed_in), kept(kept_in) {}

  bool mixed() const { return computed != kept; }
  friend auto operator<=>(const TrainingFormat&, const TrainingFormat&) = default;
};

/// Mixed precision (docs/formats.md): computed in fp16, kept in fp32. The only mix there is.
inline constexpr TrainingFormat amp16{FormatId::fp16, FormatId::fp32};

/// "fp32", "amp16"
std::string_view name(TrainingFormat format);
/// "fp32/chain", "amp16/chain"
std::string full_name(TrainingFormat format);
/// Reads "fp16" or "amp16", with or without "/chain". Throws UsageError listing the names.
TrainingFormat parse_training_format(std::string_view text);
/// Reads a comma-separated list, at least one entry, without repeats.
std::vector<TrainingFormat> parse_training_formats(std::string_view text);

}  // namespace gradzone
