// gradzone compare: gradients of another framework, judged against the certified gradient.
#include <fmt/format.h>

#include "command.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/study/compare_tables.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

struct CompareText {
  CompareStudy study;
  std::string format, order = "chain", choices = "native,minimal", form = "direct";
  std::string batch_norm = "evaluation", fail_on, out = "gradzone-compare";
};

/// As many tables as a screen takes.
constexpr Index most_tables = 3;

CompareStudy parse(const CompareText& text) {
  CompareStudy study = text.study;
  study.order = parse_format("fp32/" + text.order).order;
  if (!text.format.empty()) {
    const Format format = require_stated({parse_format(text.format)}).front();
    study.format = format.id;
    if (text.format.find('/') != std::string::npos) study.order = format.order;
  }
  study.choices = parse_choices(text.choices);
  study.form = parse_form(text.form);
  study.batch_norm = text.batch_norm == "training" ? BatchNorm::Mode::training : BatchNorm::Mode::evaluation;
  return study;
}

void print(const CompareResults& results, const std::string& out) {
  const bool all = static_cast<Index>(results.points.size()) <= most_tables;
  Index shown = 0;
  for (const ComparedPoint& point : results.points) {
    if (!all && (point.judged.judgement == Judgement::ok || shown == most_tables)) continue;
    ++shown;
    fmt::print("{}{}\n", tensor_table(point), compare_sentence(point, results.choices));
  }
  fmt::print("{}{}/compare.csv has every tensor, points.csv every point; summary.json both in short\n",
             counts_text(count(results)), out);
}

bool found(const CompareResults& results, const std::string& fail_on) {
  if (fail_on.empty()) return false;
  for (const ComparedPoint& point : results.points) {
    const JudgedGradient& judged = point.judged;
    const bool wrong = judged.judgement == Judgement::wrong || judged.judgement == Judgement::other_point;
    if (fail_on == "wrong" ? wrong : judged.point.zone == parse_zone(fail_on)) return true;
  }
  return false;
}

ExitCode compare(const CompareText& text, const Common& common) {
  if (!text.fail_on.empty() && text.fail_on != "wrong") parse_zone(text.fail_on);
  const LoadedCompare study(parse(text));
  if (study.data()) {
    report_skipped(*study.data(), common.quiet);
    report_pseudo_labels(*study.data(), common.quiet);
  }
  CompareResults results;
  {
    ProgressLine progress("compare", "file", common.quiet);
    results = study.run(text.out, common.threads, progress.watch(common.stop));
  }
  if (common.json) {
    fmt::print("{}", compare_json(results));
  } else if (!common.quiet) {
    print(results, text.out);
  }
  return found(results, text.fail_on) ? ExitCode::zone_found : ExitCode::done;
}

}  // namespace

void add_compare(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "compare", "Judge gradients that another framework saved (safetensors) against the certified gradient");
  auto text = std::make_shared<CompareText>();
  command->add_option("--model", text->study.model, std::string(model_syntax))->required();
  command
      ->add_option("--grads", text->study.grads,
                   "Files of gradients, and folders of such files; tensors are named as the checkpoint's")
      ->required();
  command->add_option("--data", text->study.data,
                      std::string(dataset_syntax) +
                          "; not needed where files carry gradzone.input and "
                          "gradzone.labels");
  add_on_bad_image(*command, text->study.on_bad_image);
  command->add_option("--split", text->study.split, "train or test")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "test"}));
  command->add_option("--samples", text->study.samples,
                      "Images of the files that do not say theirs, in the files' order: 17, 0-127 or 3,5,9 "
                      "for each file, or one list with an image a file");
  command->add_flag("--allow-missing", text->study.allow_missing,
                    "Accept files without the gradients of some parameters, such as frozen ones");
  command->add_option(
      "--format", text->format,
      "Format of the float program: fp64, fp32, fp16, bf16, fp16-strict; if left out what the "
      "gradients are stored in");
  command->add_option("--order", text->order, "Order of the program whose zone is named")
      ->capture_default_str()
      ->check(CLI::IsMember({"chain", "bias-first", "pairwise", "lanes16"}));
  command
      ->add_option("--choices", text->choices,
                   "The set S, comma-separated: native, minimal, beta=B, with +relu=A, +normpool=A, ...")
      ->capture_default_str();
  command->add_option("--form", text->form, "How hybrids are programmed: direct or composed")
      ->capture_default_str()
      ->check(CLI::IsMember({"direct", "composed"}));
  command
      ->add_option("--batch-norm", text->batch_norm,
                   "evaluation (running statistics) or training (batch statistics)")
      ->capture_default_str()
      ->check(CLI::IsMember({"evaluation", "training"}));
  add_seed(*command, text->study.seed, "Seed of glyphs, drawn weights and random primes");
  command->add_option(
      "--fail-on", text->fail_on,
      "Exit with 1 if a gradient is wrong or of another point (wrong), or if a point is in this "
      "zone: regular, bifurcation, compensation, undecided");
  command->add_option("--out", text->out, "Folder of the tables")->capture_default_str();
  add_common(*command, common);
  command->footer(
      "A file's point is what it carries (gradzone.input, gradzone.labels), or the images that its metadata\n"
      "(samples) or --samples name. gradzone.logits, if there, are compared first. Two audits are put side "
      "by\n"
      "side by gradzone report A B, which is something else.\n\n"
      "Examples:\n"
      "  gradzone compare --model lenet5:net.safetensors --grads gradients\n"
      "  gradzone compare --model lenet5:net.safetensors --data mnist:data/mnist --grads a.safetensors "
      "b.safetensors --samples 17 0-127 --fail-on wrong\n"
      "  gradzone compare --model lenet5:net.safetensors --grads gradients --choices "
      "native,minimal,native+relu=1 --out compared");
  command->callback([text, &common, &exit_code] { exit_code = compare(*text, common); });
}

}  // namespace gradzone::app
