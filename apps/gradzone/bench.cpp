// gradzone bench: how long a float gradient and a certified gradient take on this machine.
#include <fmt/format.h>

#include "command.hpp"
#include "gradzone/study/benchmark.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

struct BenchText {
  BenchOptions options;
  std::string format = "fp32", choice = "native", form = "direct", backend = "cpu", engine = "plain";
  int bits = 128;
};

void print(const std::string& bench, const BenchText& text, const std::string& detail,
           const BenchTimes& times, bool json) {
  if (json) {
    fmt::print("{}\n", bench_json(bench, text.options, detail, times));
    return;
  }
  fmt::print("{} {} batch {}, {}: median {:.6f} s, minimum {:.6f} s, maximum {:.6f} s, {:.1f} samples/s\n",
             bench, text.options.net, text.options.batch, detail, times.median(), times.seconds.front(),
             times.seconds.back(), static_cast<double>(text.options.batch) / times.median());
}

void add_bench_options(CLI::App& command, BenchText& text) {
  command.add_option("--net", text.options.net, "Network: lenet5, lenet5-bn, mlp:LAYERSxWIDTH")
      ->capture_default_str();
  command.add_option("--batch", text.options.batch, "Images in the mini-batch")->capture_default_str();
  command.add_option("--points,--repeats", text.options.repeats, "Timed repeats")->capture_default_str();
  add_seed(command, text.options.seed, "Seed of weights and images");
}

}  // namespace

void add_bench(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand("bench", "Time gradients on this machine");
  command->require_subcommand(1);
  command->footer("Examples:\n  gradzone bench step --format fp16\n  gradzone bench reference --threads 1");
  auto text = std::make_shared<BenchText>();

  CLI::App* step = command->add_subcommand("step", "One loss and gradient of the float program");
  add_bench_options(*step, *text);
  step->add_option("--format", text->format, "Format")->capture_default_str();
  step->add_option("--choice", text->choice, "Choice")->capture_default_str();
  step->add_option("--form", text->form, "direct or composed")->capture_default_str();
  step->add_option("--backend", text->backend, "cpu or reference")
      ->capture_default_str()
      ->check(CLI::IsMember({"cpu", "reference"}));
  add_common(*step, common);
  step->footer("Example:\n  gradzone bench step --net lenet5 --batch 32 --format fp16 --json");
  step->callback([text, &common, &exit_code] {
    text->options.threads = common.threads;
    const Format format = parse_format(text->format);
    const Backend backend = text->backend == "cpu" ? Backend::cpu : Backend::reference;
    ProgressLine progress("bench", "step", common.quiet || common.json);
    const BenchTimes times = bench_step(text->options, format, parse_choice(text->choice),
                                        parse_form(text->form), backend, progress.watch(common.stop));
    print("step", *text,
          fmt::format("{} {} {} {}", full_name(format), text->choice, text->form, text->backend), times,
          common.json);
    exit_code = ExitCode::done;
  });

  CLI::App* reference = command->add_subcommand("reference", "One certified gradient");
  add_bench_options(*reference, *text);
  reference->add_option("--engine", text->engine, "plain")
      ->capture_default_str()
      ->check(CLI::IsMember({"plain"}));
  reference->add_option("--bits", text->bits, "First precision of the enclosures")->capture_default_str();
  add_common(*reference, common);
  reference->footer("Example:\n  gradzone bench reference --net lenet5 --points 5 --json");
  reference->callback([text, &common, &exit_code] {
    text->options.threads = common.threads;
    ProgressLine progress("bench", "gradient", common.quiet || common.json);
    const BenchTimes times = bench_reference(text->options, text->bits, progress.watch(common.stop));
    print("reference", *text, fmt::format("{} engine, {} bits", text->engine, text->bits), times,
          common.json);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
