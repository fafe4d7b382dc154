// What the sub-commands share. Each sub-command is one file: it parses, calls the library, prints.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <stop_token>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/study/workers.hpp"

namespace gradzone::app {

/// Options every sub-command accepts, and what main hands to it.
struct Common {
  int threads = 0;
  bool quiet = false;
  bool json = false;
  std::string share;
  std::stop_token stop;
  Communicator* ranks = nullptr;

  Workers workers() const { return {threads, *ranks, parse_share(share)}; }
  /// One of mpirun's ranks above 0: it helps rank 0, which alone writes and prints.
  bool assists() const { return ranks->rank() > 0; }
};

/// Adds --threads, --quiet and --json.
void add_common(CLI::App& command, Common& common);
/// Adds --seed.
void add_seed(CLI::App& command, std::uint64_t& seed, const std::string& what);

/// Adds --share, and lets the command be one of several ranks (main refuses the others).
void add_share(CLI::App& command, Common& common);

/// Adds --device, which parse_processor reads.
void add_device(CLI::App& command, std::string& device);

/// Adds --on-bad-image.
void add_on_bad_image(CLI::App& command, OnBadImage& on_bad_image);

/// Each registers its sub-command; the callback sets `exit_code` or throws a gradzone::Error.
void add_audit(CLI::App& app, Common& common, ExitCode& exit_code);
void add_bench(CLI::App& app, Common& common, ExitCode& exit_code);
void add_compare(CLI::App& app, Common& common, ExitCode& exit_code);
void add_data(CLI::App& app, Common& common, ExitCode& exit_code);
void add_demo(CLI::App& app, Common& common, ExitCode& exit_code);
void add_drift(CLI::App& app, Common& common, ExitCode& exit_code);
void add_examples(CLI::App& app, Common& common, ExitCode& exit_code);
void add_export(CLI::App& app, Common& common, ExitCode& exit_code);
void add_forms(CLI::App& app, Common& common, ExitCode& exit_code);
void add_inspect(CLI::App& app, Common& common, ExitCode& exit_code);
void add_merge(CLI::App& app, Common& common, ExitCode& exit_code);
void add_report(CLI::App& app, Common& common, ExitCode& exit_code);
void add_search_lr(CLI::App& app, Common& common, ExitCode& exit_code);
void add_threshold(CLI::App& app, Common& common, ExitCode& exit_code);
void add_ties(CLI::App& app, Common& common, ExitCode& exit_code);
void add_train(CLI::App& app, Common& common, ExitCode& exit_code);
void add_volume(CLI::App& app, Common& common, ExitCode& exit_code);

}  // namespace gradzone::app
