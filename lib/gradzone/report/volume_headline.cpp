// What the page of a volume study says first.
#include <fmt/format.h>

#include "gradzone/report/volume_sections.hpp"

namespace gradzone::report_sections {
namespace {

/// 1234567 as "1,234,567".
std::string with_commas(Index count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string counted(Index count, const char* noun, const char* plural) {
  return fmt::format("{} {}", with_commas(count), count == 1 ? noun : plural);
}

std::string batches(Index count) {
  return counted(count, "mini-batch", "mini-batches");
}

/// "15 of 20 initialisations (75 %)"
std::string share(const Frequency& f, Index of, const std::string& things) {
  return fmt::format("{} of {} ({:.3g} %)", with_commas(f.count), things, of > 0 ? 100 * f.share : 0);
}

/// What the certificates say, or that there are none.
std::string certified_sentence(const VolumeFormat& format) {
  const FormatVolume& volume = format.volume;
  const Index left = volume.hit.batches.count - volume.hits_certified.count;
  std::string text;
  if (format.points.certified.empty()) {
    text = volume.hit.batches.count > 0 ? "No mini-batch was certified, so no zone is known"
                                        : "No mini-batch was certified";
  } else {
    text = fmt::format("Of {} certified {}, {}", with_commas(volume.certified.count),
                       volume.certified.count == 1 ? "mini-batch" : "mini-batches",
                       zones_clause(format.points.certified));
    if (left > 0)
      text +=
          fmt::format("; {} not certified and {} no zone",
                      left == 1 ? "1 hit is" : with_commas(left) + " hits are", left == 1 ? "has" : "have");
  }
  return text + ".";
}

std::string hit_words(const HitRule& hit) {
  switch (hit.kind) {
    case HitRule::Kind::any:
      return "A hit is a mini-batch on which the compared choices give different float gradients.";
    case HitRule::Kind::first_layer:
      return "A hit is a mini-batch on which the compared choices give different float gradients of the "
             "first layer's weights, as bertoin2021 counts.";
    case HitRule::Kind::tau:
      break;
  }
  return fmt::format(
      "A hit is a mini-batch on which the float gradients of the compared choices differ by more than {}, "
      "summed over the tensors in the ∞-norm, as boustany2024 counts.",
      hit.tau);
}

/// Which mini-batches have a zone, and of what its shares are therefore.
std::string certificate_words(const std::string& rule) {
  if (rule == "none") return "None was certified, so nothing is said of zones.";
  if (rule == "hits")
    return "Only a certified mini-batch has a zone, and hits were certified: the zones describe hits, not "
           "all "
           "mini-batches.";
  if (rule == "all") return "Every mini-batch was certified, so the zones describe all of them.";
  return fmt::format(
      "Only a certified mini-batch has a zone; {} of each initialisation {} drawn from the seed, so that the "
      "zones estimate all mini-batches, hit or not.",
      rule, rule == "1" ? "was" : "were");
}

}  // namespace

std::string volume_headline(const VolumeFormat& format) {
  const FormatVolume& volume = format.volume;
  const VolumeShare& hit = volume.hit;
  const std::string name = short_name(volume.format);
  const std::string inits = counted(volume.inits, "initialisation", "initialisations");
  if (hit.batches.count == 0)
    return fmt::format("{}: no hit on {} from {}. {}", name, batches(volume.batches), inits,
                       certified_sentence(format));
  return fmt::format("{}: {} and {} are hit. {}", name, share(hit.inits, volume.inits, inits),
                     share(hit.batches, volume.batches, batches(volume.batches)), certified_sentence(format));
}

std::string volume_meaning(const VolumeResults& results, const Json& configuration) {
  std::string text = hit_words(results.hit);
  if (configuration.value("until_hit", Json(false)) == true)
    text += " A pass over the data ends with its first hit: mini-batches after it were not looked at.";
  const Json rule = configuration.value("certify", Json("hits"));
  return text + " " + certificate_words(rule.is_string() ? rule.get<std::string>() : "hits");
}

}  // namespace gradzone::report_sections
