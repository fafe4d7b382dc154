#include <fmt/format.h>

#include "gradzone/study/volume_summary.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

std::string share_text(const Frequency& f, const char* of) {
  return fmt::format("{:>6} {:<16}{:>6.2f} %  [{:.2f}, {:.2f}]", f.count, of, 100 * f.share, 100 * f.ci95.low,
                     100 * f.ci95.high);
}

void add_share(std::string& out, const std::string& what, const VolumeShare& share) {
  out += fmt::format("  {:<22}{}{}\n", what, share_text(share.inits, "initialisations"),
                     share_text(share.batches, "mini-batches"));
}

void add_certified(std::string& out, const FormatVolume& volume) {
  out += fmt::format("  certified: {} of {} mini-batches, {} of {} hits\n", volume.certified.count,
                     volume.batches, volume.hits_certified.count, volume.hit.batches.count);
  for (const Zone zone : all_zones) {
    const Frequency& f = volume.census.zone(zone);
    if (f.count == 0) continue;
    out += fmt::format("    {:<20}{}", name(zone), share_text(f, "certified"));
    if (zone == Zone::compensation) {
      for (const auto& [cause, layers] : volume.census.cause_layers)
        for (const auto& [layer, count] : layers) out += fmt::format("  {} at {}: {}", cause, layer, count);
    }
    out += "\n";
  }
}

}  // namespace

std::string volume_table(const VolumeResults& results) {
  std::string out;
  for (const FormatVolume& volume : by_format(results)) {
    out +=
        fmt::format("{}: {} initialisations, {} mini-batches\n", volume.format, volume.inits, volume.batches);
    add_share(out, fmt::format("hit ({})", results.hit.text()), volume.hit);
    add_share(out, "on a kink", volume.on_kink);
    add_share(out, "first layer differs", volume.first_layer);
    add_share(out, "any layer differs", volume.any);
    for (std::size_t t = 0; t < volume.over.size(); ++t) {
      if (volume.over[t].batches.count > 0)
        add_share(out, fmt::format("stat_inf over {}", tau_names[t]), volume.over[t]);
    }
    add_certified(out, volume);
  }
  return out;
}

}  // namespace gradzone::app
