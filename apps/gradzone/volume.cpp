// gradzone volume: zone frequencies over random initialisations and mini-batches.
#include <fmt/format.h>

#include "command.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/volume_study.hpp"
#include "gradzone/study/volume_summary.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

struct VolumeText {
  VolumeStudy study;
  std::string format = "fp32", order = "chain", form = "direct", choices = "native,minimal", init = "torch",
              batch_norm = "training", hit = "any", certify = "hits", out = "gradzone-volume";
  bool resume = true;
};

VolumeStudy parse(const VolumeText& text) {
  VolumeStudy study = text.study;
  study.formats = cross_formats(text.format, text.order);
  study.form = parse_form(text.form);
  study.choices = parse_choices(text.choices);
  study.initialisation = parse_initialisation(text.init);
  study.batch_norm = text.batch_norm == "training" ? BatchNorm::Mode::training : BatchNorm::Mode::evaluation;
  study.hit = HitRule::parse(text.hit);
  study.certify = CertificateRule::parse(text.certify);
  return study;
}

VolumeWatch volume_watch(ProgressLine& line, std::stop_token stop) {
  return {[&line](const VolumeProgress& p) {
            line.update(p.batches, p.total,
                        fmt::format("{}, {} of {} initialisations", p.format, p.init, p.inits));
          },
          std::move(stop)};
}

void run(const VolumeText& text, const Common& common) {
  const LoadedVolume volume(parse(text));
  report_skipped(volume.data(), common.quiet);
  VolumeResults results;
  {
    ProgressLine progress("volume", "point", common.quiet);
    results = volume.run(text.out, common.threads, volume_watch(progress, common.stop));
  }
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

void add_passes(CLI::App& command, VolumeText& text) {
  command.add_option("--net", text.study.net, "Network: lenet5, vgg11, resnet18-bn, ..., mlp:LAYERSxWIDTH")
      ->capture_default_str();
  command.add_option("--data", text.study.data, std::string(dataset_syntax))->required();
  add_on_bad_image(command, text.study.on_bad_image);
  command.add_option("--split", text.study.split, "train or test")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "test"}));
  command.add_option("--init", text.init, "How weights are drawn: torch, kaiming0, he or he-in")
      ->capture_default_str();
  command
      .add_option("--inits", text.study.inits, "Initialisations of each format, at most. May be raised later")
      ->capture_default_str();
  command
      .add_option("--batch", text.study.batch,
                  "Images in a mini-batch, in file order; the last one has what is left")
      ->capture_default_str();
  command.add_option("--batches", text.study.batches, "Only the first K mini-batches of a pass; 0 for all")
      ->capture_default_str();
  command
      .add_option("--batch-norm", text.batch_norm,
                  "training (batch statistics) or evaluation (running statistics)")
      ->capture_default_str()
      ->check(CLI::IsMember({"training", "evaluation"}));
  add_seed(
      command, text.study.seed,
      "Seed of initialisation 0, number i has the seed i higher; also of glyphs, samples of --certify and "
      "random primes");
}

void add_programs(CLI::App& command, VolumeText& text) {
  command
      .add_option("--format", text.format,
                  "Formats, comma-separated: fp64, fp32, fp16, bf16, fp16-strict, each with an optional "
                  "order /chain, /bias-first, /pairwise, /lanes16")
      ->capture_default_str();
  command
      .add_option("--order", text.order, "Orders for formats without one, comma-separated: all of them each")
      ->capture_default_str();
  command
      .add_option("--choices", text.choices,
                  "The set S, comma-separated: native, minimal, beta=B, with +relu=A, +normpool=A, ...")
      ->capture_default_str();
  command.add_option("--form", text.form, "How hybrids are programmed: direct or composed")
      ->capture_default_str()
      ->check(CLI::IsMember({"direct", "composed"}));
}

void add_rules(CLI::App& command, VolumeText& text) {
  command
      .add_option("--hit", text.hit,
                  "What counts as a hit of a mini-batch: any difference of the float gradients, first-layer "
                  "for one in the first layer's weights (bertoin2021), tau=T for a stat_inf above T "
                  "(boustany2024)")
      ->capture_default_str();
  command.add_flag("--until-hit", text.study.until_hit, "End a pass at its first hit");
  command
      .add_option(
          "--ci-width", text.study.ci_width,
          "Take no more initialisations of a format once the 95 % interval of the share with a hit is "
          "this wide; 0 for all of --inits")
      ->capture_default_str();
  command
      .add_option(
          "--certify", text.certify,
          "Mini-batches whose zone is proven: none, hits, all, or N of each initialisation, drawn from "
          "the seed")
      ->capture_default_str();
}

}  // namespace

void add_volume(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "volume",
      "Count over random initialisations and mini-batches how often choices differ, and in which zone");
  auto text = std::make_shared<VolumeText>();
  add_passes(*command, *text);
  add_programs(*command, *text);
  add_rules(*command, *text);
  command->add_option("--out", text->out, "Folder of the tables and the report")->capture_default_str();
  command->add_flag("--resume", text->resume,
                    "Continue a study that was stopped: always done, accepted for scripts");
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
