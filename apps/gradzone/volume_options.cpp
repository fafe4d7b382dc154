#include "volume_options.hpp"

#include <fmt/format.h>

namespace gradzone::app {
namespace {

void add_passes(CLI::App& command, VolumeText& text) {
  command
      .add_option("--net", text.study.net,
                  "Network: lenet5, vgg11, resnet18-bn, ..., mlp:LAYERSxWIDTH, mlp-relu:...")
      ->capture_default_str();
  command.add_option("--data", text.study.data, std::string(dataset_syntax));
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

void add_volume_options(CLI::App& command, VolumeText& text) {
  add_passes(command, text);
  add_program(command, text.program);
  add_rules(command, text);
  add_device(command, text.device);
  command.add_option("--out", text.out, "Folder of the tables and the report")->capture_default_str();
  command.add_flag("--resume", text.resume,
                   "Continue a study that was stopped: always done, accepted for scripts");
}

VolumeStudy volume_study(const VolumeText& text) {
  VolumeStudy study = text.study;
  study.formats = text.program.formats();
  study.form = text.program.form_of_hybrids();
  study.choices = text.program.choice_set();
  study.initialisation = parse_initialisation(text.init);
  study.batch_norm = text.batch_norm == "training" ? BatchNorm::Mode::training : BatchNorm::Mode::evaluation;
  study.hit = HitRule::parse(text.hit);
  study.certify = CertificateRule::parse(text.certify);
  const Processor processor = parse_processor(text.device);
  study.backend = make_backend(processor);
  study.products = make_products(processor);
  return study;
}

VolumeWatch volume_watch(ProgressLine& line, std::stop_token stop) {
  return {[&line](const VolumeProgress& p) {
            line.update(p.batches, p.total,
                        fmt::format("{}, {} of {} initialisations", p.format, p.init, p.inits));
          },
          std::move(stop)};
}

}  // namespace gradzone::app
