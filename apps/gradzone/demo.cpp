// gradzone demo: train a small LeNet-5, audit it in four formats, write the report. No arguments needed.
#include <fmt/format.h>

#include <filesystem>

#include "command.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/audit_study.hpp"
#include "gradzone/train/training_run.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

struct DemoOptions {
  std::string data, out = "gradzone-demo";
  Index samples = 25, train_images = 10000;
  int epochs = 4;
  std::uint64_t seed = 0;
};

/// MNIST where a person would have put it, else the built-in glyphs.
std::string default_data(const DemoOptions& options) {
  for (const char* folder : {"data/mnist", "mnist"}) {
    if (std::filesystem::is_directory(folder)) return fmt::format("mnist:{}", folder);
  }
  return fmt::format("glyphs:{}", options.train_images);
}

/// What decides the trained network, written into the checkpoint so that a second run can take it as it is.
std::string recipe(const DemoOptions& o, const Dataset& data) {
  return fmt::format("demo 2: lenet5, torch initialisation, {} epochs, seed {}, data {}", o.epochs, o.seed,
                     data.fingerprint());
}

void train_network(const DemoOptions& o, const std::string& file, const Common& common) {
  const Dataset train_set = load_dataset(o.data, "train", o.seed);
  if (std::filesystem::exists(file)) {
    const Checkpoint old = read_safetensors(file);
    const auto it = old.metadata.find("recipe");
    if (it != old.metadata.end() && it->second == recipe(o, train_set)) return;
  }
  const Dataset test_set = load_dataset(o.data, "test", o.seed);
  const Graph graph = make_net("lenet5", BatchNorm::Mode::evaluation);
  RunOptions options;
  options.recipe.optimiser = {.momentum = 0.9, .weight_decay = 5e-4};
  options.batch = 64;
  options.epochs = o.epochs;
  options.seed = o.seed;
  TrainingRun run(graph, initialise(graph, Initialisation::torch, o.seed), train_set, test_set, options);
  EpochRecord last;
  {
    ProgressLine progress("training lenet5 on " + train_set.name(), "step", common.quiet);
    while (run.epochs() < o.epochs) {
      if (common.stop.stop_requested())
        throw InterruptedError("training was interrupted; nothing was written");
      if (const auto record = run.step()) last = *record;
      progress.update(run.all_steps(), o.epochs * run.steps_per_epoch());
    }
  }
  if (!common.quiet && !common.json) {
    fmt::print("trained lenet5 on {}: {:.2f} % of {} test images right\n", train_set.name(),
               100 * last.test_accuracy, test_set.size());
  }
  Checkpoint checkpoint = checkpoint_of(graph, run.trainer().parameters(), FormatId::fp32);
  checkpoint.metadata["recipe"] = recipe(o, train_set);
  write_safetensors(file, checkpoint);
}

ExitCode demo(DemoOptions o, const Common& common) {
  if (o.data.empty()) o.data = default_data(o);
  create_writable_folder(o.out);  // better refused now than after the training
  const std::string file = (std::filesystem::path(o.out) / "lenet5.safetensors").string();
  train_network(o, file, common);
  AuditStudy wanted;
  wanted.model = "lenet5:" + file;
  wanted.data = o.data;
  wanted.formats = parse_formats("fp64,fp32,fp16,bf16");
  wanted.samples = o.samples;
  wanted.seed = o.seed;
  const LoadedStudy study(wanted);
  AuditResults results;
  {
    ProgressLine progress("audit", "point", common.quiet);
    results = study.run(o.out, common.threads, progress.watch(common.stop));
  }
  write_report(o.out, results);
  if (common.json) {
    fmt::print("{}", summary_json(results));
  } else if (!common.quiet) {
    fmt::print(
        "{}open {}/report.html to see it; next, audit a network of your own:\n  gradzone audit --model "
        "lenet5:FILE --data {} --out my-audit\n",
        zone_table(results), o.out, o.data);
  }
  return ExitCode::done;
}

}  // namespace

void add_demo(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command =
      app.add_subcommand("demo", "Train a small LeNet-5, audit it in four formats, write report.html");
  auto options = std::make_shared<DemoOptions>();
  command->add_option("--data", options->data,
                      "mnist:FOLDER or glyphs:COUNT (default: data/mnist if it is there, else glyphs)");
  command->add_option("--samples", options->samples, "Points to audit in each format")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--epochs", options->epochs, "Epochs of training")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_seed(*command, options->seed, "Seed of images, weights and order");
  command->add_option("--out", options->out, "Folder of checkpoint, results and report")
      ->capture_default_str();
  add_common(*command, common);
  command->footer("Example:\n  gradzone demo --out demo && xdg-open demo/report.html");
  command->callback([options, &common, &exit_code] { exit_code = demo(*options, common); });
}

}  // namespace gradzone::app
