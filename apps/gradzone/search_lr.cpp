// gradzone search-lr: a learning rate by random trials with median pruning.
#include <fmt/format.h>

#include "gradzone/study/rate_search.hpp"
#include "terminal.hpp"
#include "training_options.hpp"

namespace gradzone::app {
namespace {

struct SearchText {
  TrainingText training;
  RateSearch search;
  std::string range = "1e-5:1e-1", out = "gradzone-search-lr";
  bool no_prune = false;
};

RateSearch parse(const SearchText& text) {
  RateSearch search = text.search;
  search.task = parse_task(text.training);
  search.formats = parse_training_formats(text.training.format);
  search.prune = !text.no_prune;
  const std::size_t colon = std::min(text.range.find(':'), text.range.size() - 1);
  search.lowest = parse_numbers("--range", text.range.substr(0, colon)).front();
  search.highest = parse_numbers("--range", text.range.substr(colon + 1)).front();
  return search;
}

std::string trial_table(const RateSearchResults& results) {
  std::string out;
  for (const TrialResult& t : results.trials) {
    out +=
        fmt::format("{:<11} trial {:>2}: rate {:.7f}, {} epochs, test accuracy {:.2f} %{}{}\n",
                    name(t.format), t.trial, t.rate, t.epochs.size(), 100 * t.epochs.back().test_accuracy,
                    t.pruned ? ", pruned" : "", &t == &best_trial(results.trials, t.format) ? ", best" : "");
  }
  return out;
}

void search(const SearchText& text, const Common& common) {
  const LoadedRateSearch search(parse(text));
  if (common.assists()) return search.assist(text.out, common.workers(), common.stop);
  report_skipped(search.task(), common.quiet);
  RateSearchResults results;
  {
    ProgressLine progress("search-lr", "image", common.quiet);
    results = search.run(text.out, common.workers(), train_watch(progress, common.stop));
  }
  if (!common.workers().share.whole()) return print_share(common, text.out);
  if (common.json) {
    fmt::print("{}", rate_search_json(results));
  } else if (!common.quiet) {
    fmt::print("{}gradzone train --lr from:{} takes the best ones\n", trial_table(results), text.out);
  }
}

}  // namespace

void add_search_lr(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand("search-lr", "Search a learning rate by random trials");
  auto text = std::make_shared<SearchText>();
  text->training.task.epochs = 10;
  add_training_options(*command, text->training);
  command->add_option("--trials", text->search.trials, "Trials of each format")->capture_default_str();
  command->add_option("--range", text->range, "LOW:HIGH, between which rates are drawn log-uniformly")
      ->capture_default_str();
  command->add_flag("--no-prune", text->no_prune,
                    "Train every trial to its end, also one that is below the median of those before it");
  command->add_option("--out", text->out, "Folder of trials and result")->capture_default_str();
  add_common(*command, common);
  add_share(*command, common);
  command->footer(
      "Stopped at any moment, the same command continues and ends with the same bytes.\n\n"
      "Example:\n"
      "  gradzone search-lr --net lenet5 --data mnist:data/mnist --format fp16,fp32 --out rates\n"
      "  gradzone train --net lenet5 --data mnist:data/mnist --format fp16,fp32 --lr from:rates");
  command->callback([text, &common, &exit_code] {
    search(*text, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
