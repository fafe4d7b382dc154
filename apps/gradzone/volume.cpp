// gradzone volume: zone frequencies over random initialisations and mini-batches.
#include <fmt/format.h>

#include "command.hpp"
#include "gradzone/study/volume_study.hpp"
#include "gradzone/study/volume_summary.hpp"
#include "terminal.hpp"
#include "volume_options.hpp"

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

void run(const VolumeText& text, const Common& common) {
  const LoadedVolume volume(volume_study(text));
  report_skipped(volume.data(), common.quiet);
  VolumeResults results;
  {
    ProgressLine progress("volume", "point", common.quiet);
    results = volume.run(text.out, common.threads, volume_watch(progress, common.stop));
  }
  if (common.json) {
    fmt::print("{}", volume_summary_json(results));
  } else if (!common.quiet) {
    fmt::print(
        "{}{}/volume.csv has each initialisation, points.csv the mini-batches that differ or are "
        "certified\n",
        volume_table(results), text.out);
  }
}

}  // namespace

void add_volume(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "volume",
      "Count over random initialisations and mini-batches how often choices differ, and in which zone");
  auto text = std::make_shared<VolumeText>();
  add_volume_options(*command, *text);
  command->get_option("--data")->required();
  add_common(*command, common);
  command->footer(
      "Every format passes over the same images from the same initialisations. Stopped at any moment, the "
      "same\n"
      "command continues and ends with the same bytes.\n\n"
      "Examples:\n"
      "  gradzone volume --net mlp:3x256 --data mnist:data/mnist,norm=unit --choices native,native+relu=1 "
      "--batch 256 "
      "--hit first-layer --until-hit --inits 1000 --format fp32,fp16 --order chain,bias-first\n"
      "  gradzone volume --net vgg11 --data cifar10:data/cifar10 --init kaiming0 --inits 1 --format "
      "fp16,fp32,fp64 --hit tau=1e-7 --certify 20\n"
      "  gradzone volume --net lenet5 --data glyphs:500 --inits 200 --ci-width 0.1");
  command->callback([text, &common, &exit_code] {
    run(*text, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
