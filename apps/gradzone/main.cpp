// gradzone: can I trust this gradient? Parses the command line and turns errors into one line and an exit
// code.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>

#include "command.hpp"
#include "gradzone/study/audit_study.hpp"
#include "signals.hpp"

namespace gradzone::app {

void add_common(CLI::App& command, Common& common) {
  command.add_option("--threads", common.threads, "Threads to use; 0 for all. Never changes a result")
      ->check(CLI::Range(0, 4096));
  command.add_flag("--quiet,-q", common.quiet, "No progress, no summary");
  command.add_flag("--json", common.json, "Print the result as JSON on standard output");
}

namespace {

int run(int argc, char** argv) {
  CLI::App app{
      "gradzone proves whether a network's gradient is right, wrong over the reals, or wrong in floats "
      "only.\n\n"
      "Examples:\n"
      "  gradzone demo\n"
      "  gradzone audit --model lenet5:net.safetensors --data mnist:data/mnist --samples 200 --format "
      "fp32,fp16 --out audit\n"
      "  gradzone inspect net.safetensors\n\n"
      "Exit codes: 0 done; 1 --fail-on found its zone; 2 wrong usage; 3 invalid input or unusable output;\n"
      "            4 interrupted or disk full (the same command continues)."};
  app.set_version_flag("--version", "gradzone " + versions_json());
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* a, const CLI::Error& e) {
    return fmt::format("gradzone: {} (see gradzone {} --help)\n", e.what(),
                       a->get_parent() ? a->get_name() : "");
  });
  Common common;
  common.stop = stop_on_signals();
  ExitCode exit_code = ExitCode::done;
  add_demo(app, common, exit_code);
  add_audit(app, common, exit_code);
  add_inspect(app, common, exit_code);
  add_data(app, common, exit_code);
  add_report(app, common, exit_code);
  add_bench(app, common, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 treats --help and --version as errors with exit code 0.
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  return static_cast<int>(exit_code);
}

}  // namespace
}  // namespace gradzone::app

int main(int argc, char** argv) {
  using gradzone::ExitCode;
  try {
    return gradzone::app::run(argc, argv);
  } catch (const gradzone::Error& error) {
    fmt::print(stderr, "gradzone: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "gradzone: out of memory; fewer --threads or a smaller --batch need less\n");
    return static_cast<int>(ExitCode::interrupted);
  } catch (const std::exception& error) {
    fmt::print(stderr, "gradzone: internal error: {}\n", error.what());
    return static_cast<int>(ExitCode::bad_input);
  }
}
