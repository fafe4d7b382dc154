// gradzone drift: how far apart networks drift that differ only in their choice at ties.
#include <fmt/format.h>

#include "gradzone/study/drift_study.hpp"
#include "terminal.hpp"
#include "training_options.hpp"

namespace gradzone::app {
namespace {

struct DriftText {
  TrainingText training;
  DriftStudy study;
  std::string beta = "1,10,100,1000,1e4", form = "direct", out = "gradzone-drift";
};

DriftStudy parse(const DriftText& text) {
  DriftStudy study = text.study;
  study.task = parse_task(text.training);
  const auto formats = parse_training_formats(text.training.format);
  if (formats.size() != 1) throw UsageError("--format: a drift is measured in one format");
  study.format = formats.front();
  study.form = parse_form(text.form);
  study.betas = parse_numbers("--beta", text.beta);
  return study;
}

/// The state after the last epoch.
std::string drift_table(const DriftResults& results) {
  std::string out;
  for (const DriftRow& row : results.rows) {
    if (row.step != results.rows.back().step) continue;
    out += fmt::format("beta {:<7}{} distance {:<12.6g} test accuracy {:.2f} %\n", row.beta,
                       row.repeat > 0 ? " again" : "      ", row.distance, 100 * row.test_accuracy);
  }
  return out;
}

void drift(const DriftText& text, const Common& common) {
  const LoadedDrift loaded(parse(text));
  report_skipped(loaded.task(), common.quiet);
  DriftResults results;
  {
    ProgressLine progress("drift", "image", common.quiet);
    results = loaded.run(text.out, common.threads, train_watch(progress, common.stop));
  }
  if (common.json) {
    fmt::print("{}", drift_json(results));
  } else if (!common.quiet) {
    fmt::print("{}{}/drift.csv has the whole way\n", drift_table(results), text.out);
  }
}

}  // namespace

void add_drift(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command =
      app.add_subcommand("drift", "Measure how far networks drift apart that differ only in beta");
  auto text = std::make_shared<DriftText>();
  text->training.momentum = 0;
  add_training_options(*command, text->training);
  command->add_option("--beta", text->beta, "Choices of max pooling to compare with 0, comma-separated")
      ->capture_default_str();
  command->add_option("--form", text->form, "How hybrids are programmed: direct or composed")
      ->capture_default_str();
  command->add_option("--lr", text->study.rate, rate_syntax)->required();
  command
      ->add_option("--stop-after", text->study.stop_after,
                   "Train only so many epochs of the schedule; 0 for all")
      ->capture_default_str();
  command->add_option("--every", text->study.every, "Measure every K steps, too; 0 for after epochs only")
      ->capture_default_str();
  command->add_option("--out", text->out, "Folder of the results")->capture_default_str();
  add_common(*command, common);
  command->footer(
      "All networks start from the same weights and see the same mini-batches; momentum is 0 if left out. A "
      "second\n"
      "one with beta = 0 shows what else could tell them apart: nothing, its distance is 0.\n\n"
      "Example:\n"
      "  gradzone drift --net lenet5 --data mnist:data/mnist --lr paper --epochs 20 --out drift");
  command->callback([text, &common, &exit_code] {
    drift(*text, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
