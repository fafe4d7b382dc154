// gradzone volume: zone frequencies over random initialisations and mini-batches.
#include <fmt/format.h>

#include "command.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/volume_study.hpp"
#include "gradzone/study/volume_summary.hpp"
#include "terminal.hpp"
#include "volume_options.hpp"

namespace gradzone::app {
namespace {

void run(const VolumeText& text, const Common& common) {
  const LoadedVolume volume(volume_study(text));
  if (common.assists()) return volume.assist(common.workers(), common.stop);
  report_skipped(volume.data(), common.quiet);
  VolumeResults results;
  {
    ProgressLine progress("volume", "point", common.quiet);
    results = volume.run(text.out, common.workers(), volume_watch(progress, common.stop));
  }
  if (!common.workers().share.whole()) return print_share(common, text.out);
  write_report(text.out, results);
  if (common.json) {
    fmt::print("{}", volume_summary_json(results));
  } else if (!common.quiet) {
    fmt::print(
        "{}{}/report.html shows it; volume.csv has each initialisation, points.csv the mini-batches that "
        "differ or are certified\n",
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
  add_share(*command, common);
  command->footer(
      "Every format passes over the same images from the same initialisations. Stopped at any moment, the "
      "same\n"
      "command continues and ends with the same bytes.\n\n"
      "Examples:\n"
      "  gradzone volume --net mlp-relu:3x256 --data mnist:data/mnist,norm=unit --choices "
      "native,native+relu=1 "
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
