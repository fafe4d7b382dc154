// gradzone train: networks in the paper's formats, choices and forms, bit for bit reproducible.
#include <fmt/format.h>

#include "gradzone/study/train_study.hpp"
#include "terminal.hpp"
#include "training_options.hpp"

namespace gradzone::app {
namespace {

struct TrainText {
  TrainingText training;
  TrainStudy study;
  bool data_parallel = false;
  std::string beta = "0", form = "direct", choices = "native,minimal", out = "gradzone-train";
};

TrainStudy parse(const TrainText& text, const Common& common) {
  TrainStudy study = text.study;
  study.task = parse_task(text.training);
  study.formats = parse_training_formats(text.training.format);
  study.forms = parse_forms(text.form);
  study.betas = parse_numbers("--beta", text.beta);
  study.zones.choices = parse_choices(text.choices);
  if (text.data_parallel && common.ranks->size() > 1) study.task.peers = common.ranks;
  return study;
}

void train(const TrainText& text, const Common& common) {
  const LoadedTraining training(parse(text, common));
  if (common.assists()) return training.assist(text.out, common.workers(), common.stop);
  report_skipped(training.task(), common.quiet);
  TrainResults results;
  {
    ProgressLine progress("train", "image", common.quiet);
    results = training.run(text.out, common.workers(), train_watch(progress, common.stop));
  }
  if (!common.workers().share.whole()) return print_share(common, text.out);
  if (common.json) {
    fmt::print("{}", train_summary_json(results));
  } else if (!common.quiet) {
    fmt::print("{}{}/trace.csv has the curves, {}.safetensors and the like the weights\n",
               accuracy_table(results), text.out, results.units.front().unit.name());
  }
}

}  // namespace

void add_train(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command =
      app.add_subcommand("train", "Train a network in any format, with any choice at its kinks");
  auto text = std::make_shared<TrainText>();
  add_training_options(*command, text->training);
  command
      ->add_option("--beta", text->beta,
                   "Choices of max pooling, comma-separated: 0 native, 1 minimal, else hybrid")
      ->capture_default_str();
  command
      ->add_option("--form", text->form,
                   "How hybrids are programmed: direct, composed, or both, comma-separated")
      ->capture_default_str();
  command->add_option("--lr", text->study.rate, rate_syntax)->required();
  command
      ->add_option("--stop-after", text->study.stop_after,
                   "Train only so many epochs of the schedule; 0 for all. May be raised later")
      ->capture_default_str();
  command->add_option("--runs", text->study.runs, "Runs of each configuration. May be raised later")
      ->capture_default_str();
  command
      ->add_option("--audit-every", text->study.zones.every,
                   "Prove the zone of the current mini-batch every K steps (zones.csv); 0 for never")
      ->capture_default_str();
  command->add_option("--choices", text->choices, "The set S of those zones")->capture_default_str();
  command->add_flag("--data-parallel", text->data_parallel,
                    "Under mpirun: all ranks share every mini-batch of one run, instead of one run each");
  command->add_option("--out", text->out, "Folder of checkpoints and curves")->capture_default_str();
  add_common(*command, common);
  add_share(*command, common);
  command->footer(
      "Every format, form and beta together is a configuration; all of them share the weights and the order "
      "of\n"
      "images of a run. Stopped at any moment, the same command continues and ends with the same bytes.\n\n"
      "Examples:\n"
      "  gradzone train --net lenet5 --data mnist:data/mnist --format fp16,fp32 --beta 0,1,10,100,1000,1e4 "
      "--form "
      "composed,direct --lr paper --runs 10 --out e2\n"
      "  gradzone train --net lenet5-bn --data glyphs --epochs 5 --lr 0.05 --audit-every 20");
  command->callback([text, &common, &exit_code] {
    train(*text, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
