// gradzone ties: every pooling window with more than one maximum, in tables and drawn on the image.
#include <fmt/format.h>

#include <charconv>

#include "command.hpp"
#include "gradzone/base/text.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/tie_tables.hpp"
#include "program_options.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

struct TiesText {
  TieStudy study;
  ProgramText program{.format = "fp32,fp16,bf16"};
  std::string net, init = "torch", samples = "0", out = "gradzone-ties";
};

std::vector<Index> parse_samples(const std::string& text) {
  std::vector<Index> out;
  for (const std::string_view part : split(text, ',')) {
    Index value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < 0)
      throw UsageError(fmt::format("--samples {}: write indices of images such as 3,17", text));
    out.push_back(value);
  }
  return out;
}

TieStudy parse(const TiesText& text) {
  TieStudy study = text.study;
  if (study.model.empty() && text.net.empty())
    throw UsageError("--model NET:FILE or --net NET: name the network");
  if (study.model.empty()) study.model = text.net + ":init=" + text.init;
  study.samples = parse_samples(text.samples);
  study.formats = text.program.formats();
  study.form = text.program.form_of_hybrids();
  study.choices = text.program.choice_set();
  return study;
}

void ties(const TiesText& text, const Common& common) {
  const LoadedTies study(parse(text));
  report_skipped(study.data(), common.quiet);
  report_pseudo_labels(study.data(), common.quiet);
  TieResults results;
  {
    ProgressLine progress("ties", "point", common.quiet);
    results = study.run(text.out, common.threads, progress.watch(common.stop));
  }
  write_ties_page(text.out, results);
  if (common.json) {
    fmt::print("{}", ties_json(results));
  } else if (!common.quiet) {
    for (const TiePoint& point : results.points) fmt::print("{}\n", tie_sentence(point));
    fmt::print("{0}/ties.html draws them; ties.csv, layers.csv and ties.json have the numbers\n", text.out);
  }
}

}  // namespace

void add_ties(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "ties",
      "List and draw the pooling windows that tie at an image: in floats, over the reals, and in which only");
  auto text = std::make_shared<TiesText>();
  CLI::Option* model = command->add_option("--model", text->study.model, std::string(model_syntax));
  CLI::Option* net =
      command->add_option("--net", text->net, "A network with drawn weights: NET:init=INIT")->excludes(model);
  command->add_option("--init", text->init, "How the weights of --net are drawn: torch, kaiming0, he, he-in")
      ->capture_default_str()
      ->needs(net);
  command->add_option("--data", text->study.data, std::string(dataset_syntax))->required();
  add_on_bad_image(*command, text->study.on_bad_image);
  command->add_option("--split", text->study.split, "train or test")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "test"}));
  command
      ->add_option("--samples,--sample", text->samples,
                   "Indices of images in the split, comma-separated; each is a point of its own")
      ->capture_default_str();
  add_program(*command, text->program);
  command->add_option("--layer", text->study.layer, "List this pooling layer alone");
  add_seed(*command, text->study.seed, "Seed of glyphs, drawn weights and random primes");
  command->add_option("--out", text->out, "Folder of the tables and the page")->capture_default_str();
  add_common(*command, common);
  command->footer(
      "ties.csv has a row a window: real tie (the same in floats and over the reals), false tie (an entry "
      "ties\n"
      "in floats only) or lost tie (over the reals only); of a real one whether structure proves it "
      "harmless:\n"
      "\"constant\" entries pass no derivative, \"equal\" ones are one expression of equal patches.\n\n"
      "Examples:\n"
      "  gradzone ties --net lenet5 --data mnist:data/mnist --sample 3\n"
      "  gradzone ties --model lenet5:net.safetensors --data mnist:data/mnist --samples 3,17 --format "
      "fp32,fp16/pairwise --out ties\n"
      "  gradzone ties --net vgg11 --init kaiming0 --seed 7 --data cifar10:data/cifar10 --layer features.2");
  command->callback([text, &common, &exit_code] {
    ties(*text, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
