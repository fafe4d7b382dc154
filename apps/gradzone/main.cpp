// gradzone: can I trust this gradient? Parses the command line and turns errors into one line and an exit
// code.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "command.hpp"
#include "gradzone/study/audit_study.hpp"
#include "gradzone/study/machine.hpp"
#include "signals.hpp"

namespace gradzone::app {

void add_common(CLI::App& command, Common& common) {
  command.add_option("--threads", common.threads, "Threads to use; 0 for all. Never changes a result")
      ->check(CLI::Range(0, 4096));
  command.add_flag("--quiet,-q", common.quiet, "No progress, no summary");
  command.add_flag("--json", common.json, "Print the result as JSON on standard output");
}

void add_device(CLI::App& command, std::string& device) {
  command
      .add_option(
          "--device", device,
          "Who computes floats and the proofs' large products: cpu, or cuda for a card; the same bits")
      ->capture_default_str();
}

void add_share(CLI::App& command, Common& common) {
  command
      .add_option(
          "--share", common.share,
          "Compute only part K of N, such as 3/8, for gradzone merge to put together (docs/cluster.md)")
      ->type_name("K/N");
}

void add_seed(CLI::App& command, std::uint64_t& seed, const std::string& what) {
  // CLI11 alone would take -1 for 2^64 - 1, and so every number that is too large.
  const auto is_seed = [](std::string& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good = error == std::errc() && end == text.data() + text.size();
    return good ? std::string() : fmt::format("{} is not a whole number from 0 to 2^64 - 1", text);
  };
  command.add_option("--seed", seed, what)->capture_default_str()->check(CLI::Validator(is_seed, ""));
}

void add_on_bad_image(CLI::App& command, OnBadImage& on_bad_image) {
  static const std::map<std::string, OnBadImage> names{{"fail", OnBadImage::fail},
                                                       {"skip", OnBadImage::skip}};
  command
      .add_option("--on-bad-image", on_bad_image,
                  "Images of a folder that cannot be read: fail refuses the folder, skip leaves them out and "
                  "names them (fail)")
      ->transform(CLI::CheckedTransformer(names).description(""))
      ->type_name("fail|skip");
}

namespace {

/// One line, whatever names the message repeats.
void print_error(std::string message) {
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  fmt::print(stderr, "gradzone: {}\n", message);
}

/// "gradzone bench step": the command that the arguments came to before they went wrong.
std::string reached(const CLI::App& app) {
  std::string name = "gradzone";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    name += ' ' + at->get_name();
  }
  return name;
}

/// What is wrong with the arguments. CLI11 asks for a sub-command even where one is given that does not
/// exist.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(true);
  const bool no_command = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !unknown.empty();
  const std::string what =
      no_command ? fmt::format("unknown argument or sub-command '{}'", unknown.front()) : error.what();
  return fmt::format("{} (see {} --help)", what, reached(app));
}

/// A result that a full disk swallowed must not look like success.
void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw InputError("standard output: cannot write all of it; is the disk full?");
  }
}

/// Whether several ranks work on it together: then it has --share, too.
bool is_shared(const CLI::App& command) {
  return command.get_option_no_throw("--share") != nullptr;
}

int run(int argc, char** argv, Communicator& ranks) {
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
  Common common;
  common.stop = stop_on_signals();
  common.ranks = &ranks;
  ExitCode exit_code = ExitCode::done;
  add_demo(app, common, exit_code);
  add_audit(app, common, exit_code);
  add_volume(app, common, exit_code);
  add_threshold(app, common, exit_code);
  add_compare(app, common, exit_code);
  add_train(app, common, exit_code);
  add_search_lr(app, common, exit_code);
  add_drift(app, common, exit_code);
  add_merge(app, common, exit_code);
  add_examples(app, common, exit_code);
  add_export(app, common, exit_code);
  add_forms(app, common, exit_code);
  add_ties(app, common, exit_code);
  add_inspect(app, common, exit_code);
  add_data(app, common, exit_code);
  add_report(app, common, exit_code);
  add_bench(app, common, exit_code);
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (ranks.size() == 1 || is_shared(*command)) continue;
    command->parse_complete_callback([name = command->get_name()] {
      throw UsageError(fmt::format("{} works in one process: start it without mpirun", name));
    });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 treats --help and --version as errors with exit code 0.
    if (error.get_exit_code() != 0) throw UsageError(usage_message(app, error));
    app.exit(error);
  }
  flush_output();
  return static_cast<int>(exit_code);
}

/// What `work` throws, as one line and an exit code.
std::optional<Error> failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ExitCode::interrupted, "out of memory; fewer --threads or a smaller --batch need less");
  } catch (const std::system_error& error) {  // a file system or a stream that refuses
    return Error(ExitCode::bad_input, error.what());
  } catch (const std::exception& error) {
    return Error(ExitCode::bad_input, fmt::format("internal error: {}", error.what()));
  }
  return std::nullopt;
}

/// As one of mpirun's ranks, or alone.
int run_ranks(int argc, char** argv) {
  std::unique_ptr<Communicator> launched;
  int exit_code = 0;
  std::optional<Error> failure = failure_of([&] { launched = make_communicator(); });
  Communicator& ranks = launched ? *launched : alone();
  if (!failure) {
    share_machine(ranks.processes_here());
    if (ranks.rank() > 0 && std::freopen("/dev/null", "w", stdout) == nullptr) return 0;  // rank 0 answers
    failure = failure_of([&] { exit_code = run(argc, argv, ranks); });
  }
  // Others may be waiting to begin.
  if (failure && !ranks.agreed()) failure = failure_of([&] { ranks.decline(*failure); });
  if (!failure) return exit_code;
  std::fflush(stdout);  // an answer comes before the line that judges it
  if (ranks.rank() == 0) print_error(failure->what());
  return static_cast<int>(failure->code());
}

}  // namespace
}  // namespace gradzone::app

int main(int argc, char** argv) {
  return gradzone::app::run_ranks(argc, argv);
}
