// gradzone audit: zones of a trained network's points.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "command.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/audit_study.hpp"
#include "program_options.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

struct AuditOptionsText {
  AuditStudy study;
  ProgramText program;
  std::string batch_norm = "evaluation", fail_on;
  std::string out = "gradzone-audit", engine = "fast", proof = "residue", memory = "0", device = "cpu";
  bool no_exact = false, resume = true, verdict = false, gradient = false;
};

/// "512M", "4G", or a number of bytes.
std::int64_t parse_memory(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const int shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  if (error != std::errc() || value < 0 || shift < 0 || value > (std::int64_t{1} << 60) >> shift)
    throw UsageError(fmt::format("--memory {}: write a size such as 512M or 4G", text));
  return value << shift;
}

AuditStudy parse(const AuditOptionsText& text) {
  AuditStudy study = text.study;
  study.formats = text.program.formats();
  study.form = text.program.form_of_hybrids();
  study.choices = text.program.choice_set();
  study.batch_norm = text.batch_norm == "training" ? BatchNorm::Mode::training : BatchNorm::Mode::evaluation;
  study.reference.exact = !text.no_exact;
  study.reference.engine = text.engine == "plain" ? Engine::plain : Engine::fast;
  study.reference.work = text.verdict ? Work::verdict : Work::gradient;
  study.reference.proof = text.proof == "exact" ? ProofMode::exact : ProofMode::residue;
  study.memory = parse_memory(text.memory);
  const Processor processor = parse_processor(text.device);
  study.backend = make_backend(processor);
  if (study.reference.engine == Engine::fast) study.reference.device = make_products(processor);
  return study;
}

bool any_in(const AuditResults& results, Zone zone) {
  for (const PointResult& p : results.points) {
    if (p.point.zone == zone) return true;
  }
  return false;
}

void print(const AuditOptionsText& text, const AuditStudy& wanted, const AuditResults& results,
           const Common& common) {
  if (common.json) {
    fmt::print("{}", summary_json(results));
  } else if (!common.quiet) {
    fmt::print("{}{}/report.html shows it; points.csv, branches.csv, {}{}summary.json have the numbers\n",
               zone_table(results), text.out, text.verdict ? "" : "gradients.csv, ",
               wanted.per_sample ? "samples.csv and " : "and ");
  }
}

ExitCode audit(const AuditOptionsText& text, const Common& common) {
  const AuditStudy wanted = parse(text);
  const bool check = !text.fail_on.empty();
  const Zone fail_on = check ? parse_zone(text.fail_on) : Zone::undecided;
  const LoadedStudy study(wanted);
  if (common.assists()) {
    study.assist(common.workers());
    return ExitCode::done;
  }
  report_skipped(study.data(), common.quiet);
  report_pseudo_labels(study.data(), common.quiet);
  AuditResults results;
  {
    ProgressLine progress("audit", "point", common.quiet);
    results = study.run(text.out, common.workers(), progress.watch(common.stop));
  }
  if (!common.workers().share.whole()) {
    print_share(common, text.out);
  } else {
    write_report(text.out, results);
    print(text, wanted, results, common);
  }
  return check && any_in(results, fail_on) ? ExitCode::zone_found : ExitCode::done;
}

}  // namespace

void add_audit(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "audit", "Say of each point of a data set which zone its gradient is in, with proof");
  auto text = std::make_shared<AuditOptionsText>();
  command->add_option("--model", text->study.model, std::string(model_syntax))->required();
  command->add_option("--data", text->study.data, std::string(dataset_syntax))->required();
  add_on_bad_image(*command, text->study.on_bad_image);
  command->add_option("--split", text->study.split, "train or test")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "test"}));
  add_program(*command, text->program);
  command->add_option("--batch", text->study.batch, "Images per point")->capture_default_str();
  command->add_option("--samples", text->study.samples, "Audit the first N points; 0 for all")
      ->capture_default_str();
  command->add_flag("--shuffle", text->study.shuffle,
                    "Take the images in a random order drawn from the seed");
  add_seed(*command, text->study.seed, "Seed of glyphs, shuffling, drawn weights and random primes");
  command
      ->add_option("--batch-norm", text->batch_norm,
                   "evaluation (running statistics) or training (batch statistics)")
      ->capture_default_str()
      ->check(CLI::IsMember({"evaluation", "training"}));
  command->add_flag("--per-sample", text->study.per_sample,
                    "Also classify each image of a mini-batch as a point of its own (samples.csv)");
  command
      ->add_option("--engine", text->engine, "Reference engine: fast, or plain, the slow one that judges it")
      ->capture_default_str()
      ->check(CLI::IsMember({"fast", "plain"}));
  CLI::Option* verdict =
      command->add_flag("--verdict", text->verdict, "Zones, causes and proofs only: no certified gradients");
  command->add_flag("--gradient", text->gradient, "Certified gradients too (the default)")->excludes(verdict);
  command
      ->add_option("--proof", text->proof,
                   "What proves equality: residue (random primes, chance of error below 2^-100, stated) or "
                   "exact (nothing left to chance)")
      ->capture_default_str()
      ->check(CLI::IsMember({"residue", "exact"}));
  command
      ->add_option("--bits", text->study.reference.bits,
                   "Correct bits of certified gradients, relative to each tensor's largest entry")
      ->capture_default_str();
  command
      ->add_option("--memory", text->memory,
                   "What points in work may take together, e.g. 4G; 0 for a quarter of the machine's. Never "
                   "changes a result")
      ->capture_default_str();
  add_device(*command, text->device);
  command->add_option("--start-bits", text->study.reference.start_bits, "Plain engine: first precision")
      ->capture_default_str();
  command
      ->add_option("--max-bits", text->study.reference.max_bits,
                   "Last precision of the reference's enclosures")
      ->capture_default_str();
  command->add_flag("--no-exact", text->no_exact,
                    "Enclosures only: no structure identities, no exact rationals");
  command->add_option(
      "--fail-on", text->fail_on,
      "Exit with 1 if a point is in this zone: regular, bifurcation, compensation, undecided");
  command->add_option("--out", text->out, "Folder of the result store, the tables and the report")
      ->capture_default_str();
  command->add_flag("--resume", text->resume,
                    "Continue an audit that was stopped: always done, accepted for scripts");
  add_common(*command, common);
  add_share(*command, common);
  command->footer(
      "Stopped at any moment, the same command continues and ends with the same bytes.\n\n"
      "Examples:\n"
      "  gradzone audit --model lenet5:net.safetensors --data mnist:data/mnist --split train --samples 200\n"
      "  gradzone audit --model lenet5:net.safetensors --data glyphs:500 --format fp16,fp32 --choices "
      "native,beta=1000 --form composed\n"
      "  gradzone audit --model lenet5:net.safetensors --data glyphs:500 --choices native,native+relu=1 "
      "--fail-on bifurcation\n"
      "  gradzone audit --model vgg11:init=kaiming0 --data cifar10:data/cifar10 --split train --batch 128 "
      "--samples 31 --verdict");
  command->callback([text, &common, &exit_code] { exit_code = audit(*text, common); });
}

}  // namespace gradzone::app
