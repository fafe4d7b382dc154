// gradzone bench: how long a float gradient and a certified gradient take on this machine.
#include <fmt/format.h>

#include "command.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/exact/fast/device_products.hpp"
#include "gradzone/study/benchmark.hpp"
#include "gradzone/zones/census.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

struct BenchText {
  BenchOptions options;
  ReferenceOptions reference;
  double beta = 0;
  std::string format = "fp32", choices = "native,minimal", form = "direct", optimiser = "sgd",
              engine = "fast", init = "torch", device = "cpu", json_file;
  bool verdict = false;
};

/// JSON to standard output ("-") or to a file.
void write_json(const std::string& where, const std::string& json) {
  if (where == "-") {
    fmt::print("{}\n", json);
  } else {
    write_file_atomically(where, json + "\n");
  }
}

std::string times_text(const BenchText& text, const BenchTimes& times) {
  return fmt::format("{} batch {}: median {:.6f} s, minimum {:.6f} s, maximum {:.6f} s, {:.1f} samples/s",
                     text.options.net, text.options.batch, times.median(), times.seconds.front(),
                     times.seconds.back(), static_cast<double>(text.options.batch) / times.median());
}

void add_bench_options(CLI::App& command, BenchText& text, bool open_repeats) {
  command
      .add_option("--net", text.options.net,
                  "Network: lenet5, vgg11, resnet18-bn, ..., mlp:LAYERSxWIDTH, mlp-relu:...")
      ->capture_default_str();
  command.add_option("--batch", text.options.batch, "Images in the mini-batch")->capture_default_str();
  command.add_option("--points,--repeats", text.options.repeats, "Timed repeats")
      ->check(CLI::PositiveNumber)
      ->default_str(open_repeats ? "10 or more, for a second" : "10");
  command.add_option("--init", text.init, "Weights: torch, kaiming0, he or he-in")->capture_default_str();
  command.add_option(
      "--data", text.options.data,
      fmt::format("Real images, a mini-batch per repeat: {}; random ones if left out", dataset_syntax));
  command.add_option("--threads", text.options.threads, "Threads to use; 0 for all")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command.add_option("--json", text.json_file, "Write JSON to this file, or to standard output: -")
      ->expected(0, 1)
      ->default_str("-");
  add_seed(command, text.options.seed, "Seed of weights and images");
}

}  // namespace

void add_bench(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand("bench", "Time gradients on this machine");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  gradzone bench step --format fp16\n"
      "  gradzone bench reference --net vgg11 --engine fast --bits 106 --points 5 --threads 2 --json -");
  auto text = std::make_shared<BenchText>();

  CLI::App* step = command->add_subcommand("step", "One step of a training: forward, backward, optimiser");
  add_bench_options(*step, *text, true);
  step->add_option("--format", text->format, "Format, or amp16")->capture_default_str();
  step->add_option("--beta", text->beta, "Of the hybrid max pools; 0 is native")->capture_default_str();
  step->add_option("--form", text->form, "direct or composed")->capture_default_str();
  step->add_option("--optimiser", text->optimiser, "sgd, adam or adamw")->capture_default_str();
  add_device(*step, text->device);
  step->add_flag("--quiet,-q", common.quiet, "No progress");
  step->footer(
      "Example:\n  gradzone bench step --net vgg11 --batch 128 --format fp16 --beta 1 --threads 2 --json -");
  step->callback([text, step, &common, &exit_code] {
    if (step->count("--repeats") == 0) text->options.repeats = 0;
    text->options.initialisation = parse_initialisation(text->init);
    Recipe recipe;
    recipe.format = parse_training_format(text->format);
    recipe.form = parse_form(text->form);
    recipe.processor = parse_processor(text->device);
    recipe.choice.maxpool_beta = text->beta;
    recipe.optimiser.kind = parse_optimiser(text->optimiser);
    recipe.optimiser.momentum = 0.9;
    recipe.optimiser.weight_decay = 5e-4;
    if (recipe.format.mixed()) recipe.loss_scale = LossScaler::parse("dynamic");
    ProgressLine progress("bench", "step", common.quiet || !text->json_file.empty());
    const BenchTimes times = bench_step(text->options, recipe, progress.watch(common.stop));
    const std::string detail = fmt::format("{} beta {} {} {} on {}", full_name(recipe.format), text->beta,
                                           text->form, text->optimiser, name(recipe.processor));
    if (text->json_file.empty()) {
      fmt::print("step {}, {}\n", detail, times_text(*text, times));
    } else {
      write_json(text->json_file, bench_json("step", text->options, detail, times));
    }
    exit_code = ExitCode::done;
  });

  CLI::App* reference =
      command->add_subcommand("reference", "One real evaluation: branches, proof, gradients");
  add_bench_options(*reference, *text, false);
  reference->add_option("--engine", text->engine, "fast or plain")
      ->capture_default_str()
      ->check(CLI::IsMember({"fast", "plain"}));
  reference->add_option("--bits", text->reference.bits, "Correct bits of the certified gradients")
      ->capture_default_str();
  reference->add_option("--choices", text->choices, "The set S")->capture_default_str();
  add_device(*reference, text->device);
  reference->add_flag("--verdict", text->verdict, "No certified gradients: branches and proof only");
  reference->add_flag("--quiet,-q", common.quiet, "No progress");
  reference->footer(
      "Examples:\n  gradzone bench reference --net lenet5 --points 5 --json\n"
      "  gradzone bench reference --net vgg11 --batch 128 --verdict --data cifar10:data/cifar10 --threads 2");
  reference->callback([text, &common, &exit_code] {
    text->options.initialisation = parse_initialisation(text->init);
    text->reference.engine = text->engine == "plain" ? Engine::plain : Engine::fast;
    text->reference.work = text->verdict ? Work::verdict : Work::gradient;
    // The plain engine's enclosures lose some 60 bits on the way through VGG-11: it starts above what is
    // asked for.
    text->reference.start_bits = std::max(text->reference.start_bits, text->reference.bits + 86);
    text->reference.max_bits = std::max(text->reference.max_bits, text->reference.start_bits);
    text->reference.seed = text->options.seed;
    const Processor processor = parse_processor(text->device);
    if (processor == Processor::cuda && text->reference.engine == Engine::plain)
      throw UsageError("--device cuda: the plain engine computes on the CPU only");
    text->reference.device = make_products(processor);
    ProgressLine progress("bench", "point", common.quiet || !text->json_file.empty());
    const ReferenceBench result = bench_reference(text->options, text->reference,
                                                  parse_choices(text->choices), progress.watch(common.stop));
    const std::string detail = fmt::format(
        "{} engine{}, {}, {}", text->engine,
        text->reference.device ? " with " + text->reference.device->device_name() : "",
        text->verdict ? "verdict" : fmt::format("gradient of {} bits", text->reference.bits), text->choices);
    if (text->json_file.empty()) {
      fmt::print("reference {}, {}; {} undecided\n  branches: {}\n", detail, times_text(*text, result.times),
                 result.undecided, stages_text(result.stages));
    } else {
      write_json(text->json_file, bench_json(text->options, detail, result));
    }
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
