// What a volume study looks for: hits, certificates, and how many initialisations are enough.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/zones/float_difference.hpp"

namespace gradzone {

/// What counts as a hit of a mini-batch.
struct HitRule {
  enum class Kind {
    any,          ///< some gradient differs
    first_layer,  ///< the first layer's weight gradient differs (bertoin2021)
    tau           ///< stat_inf is above tau (boustany2024)
  };
  Kind kind = Kind::any;
  double tau = 0;

  bool is_hit(const FloatDifference& difference) const;
  /// "any", "first-layer", "tau=1e-07"
  std::string text() const;
  /// Reads text(). Throws UsageError.
  static HitRule parse(std::string_view text);
};

/// Which mini-batches get a certificate.
struct CertificateRule {
  enum class Kind { none, hits, all, sample };
  Kind kind = Kind::hits;
  Index sample = 0;  ///< mini-batches of each initialisation, drawn from the seed

  /// "none", "hits", "all", "20"
  std::string text() const;
  /// Reads text(). Throws UsageError.
  static CertificateRule parse(std::string_view text);
};

/// Comma-separated formats; one without an order stands for itself in each of the comma-separated `orders`.
/// Throws UsageError as parse_formats.
std::vector<Format> cross_formats(std::string_view formats, std::string_view orders);

/// The smallest n > 0 at which the 95 % Clopper-Pearson interval of the share of hits among the first n is at
/// most `width` wide; nothing if there is none yet.
std::optional<Index> settled_after(const std::vector<bool>& hits, double width);

}  // namespace gradzone
