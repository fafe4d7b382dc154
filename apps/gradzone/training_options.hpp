// The options that every command that trains has.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "gradzone/study/training_task.hpp"

namespace gradzone::app {

/// A TrainingTask as texts.
struct TrainingText {
  TrainingTask task;
  std::string format = "fp32", optimiser = "sgd", schedule = "cosine", init = "torch", loss_scale = "dynamic",
              device = "cpu";
  std::optional<double> momentum, weight_decay;
  std::optional<std::string> augment;
};

/// What --lr says of itself: the texts that learning_rate() takes.
inline constexpr const char* rate_syntax =
    "Learning rate: a number, paper (the published one), paper:DATA (that data set's) or from:FOLDER of "
    "search-lr";

/// Adds --net, --data, --test, --format, --optimiser and what belongs to it, --loss-scale, --schedule,
/// --epochs,
/// --batch, --augment, --init, --device and --seed.
void add_training_options(CLI::App& command, TrainingText& text);

/// What is left out is as in the paper: momentum 0.9 and weight decay 5e-4 for sgd, none for adam, 0.01 for
/// adamw; crops and flips for CIFAR, resized crops for folders of photographs, no augmentation for other
/// data. Throws UsageError.
TrainingTask parse_task(const TrainingText& text);

/// Tells which images of folders were left out.
void report_skipped(const LoadedTask& task, bool quiet);

/// "0,1,1e4"; `option` names it in errors. Throws UsageError.
std::vector<double> parse_numbers(const std::string& option, const std::string& text);
std::vector<Form> parse_forms(const std::string& text);

}  // namespace gradzone::app
