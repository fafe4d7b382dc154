#include "training_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "gradzone/base/text.hpp"
#include "gradzone/nets/initialise.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

OptimiserOptions parse_optimiser_options(const TrainingText& text) {
  OptimiserOptions o = text.task.optimiser;
  o.kind = parse_optimiser(text.optimiser);
  const bool sgd = o.kind == OptimiserKind::sgd;
  o.momentum = text.momentum.value_or(sgd ? 0.9 : 0);
  o.weight_decay = text.weight_decay.value_or(sgd ? 5e-4 : o.kind == OptimiserKind::adamw ? 0.01 : 0);
  validate(o);
  return o;
}

Augmentation usual_augmentation(const std::string& data) {
  const bool photographs = data.starts_with("folder:");
  if (data.starts_with("cifar") || (photographs && data.find("norm=cifar") != std::string::npos))
    return Augmentation::crop_flip;
  return photographs ? Augmentation::resized_crop : Augmentation::none;
}

}  // namespace

void add_training_options(CLI::App& command, TrainingText& text) {
  TrainingTask& task = text.task;
  command
      .add_option("--net", task.net,
                  "Network: lenet5, vgg11, resnet18-bn, ..., mlp:LAYERSxWIDTH, mlp-relu:...")
      ->capture_default_str();
  command.add_option("--data", task.data, fmt::format("Training images: {}", dataset_syntax))->required();
  command.add_option("--test", task.test, "Test images, if they are not those of --data");
  command
      .add_option(
          "--format", text.format,
          "Formats of weights, optimiser state and activations, comma-separated: fp64, fp32, fp16, "
          "bf16, fp16-strict, amp16 (fp16 with weights and optimiser state in fp32), each with an optional "
          "order as fp32/bias-first; on a card also fp16-tc, bf16-tc, tf32-tc and amp16-tc, by its tensor "
          "cores")
      ->capture_default_str();
  command.add_option("--optimiser", text.optimiser, "sgd, adam or adamw")->capture_default_str();
  command.add_option("--momentum", text.momentum, "Of sgd; if left out 0.9, for drift 0");
  command.add_option("--weight-decay", text.weight_decay,
                     "5e-4 for sgd, 0 for adam, 0.01 for adamw if left out");
  command.add_flag("--nesterov", task.optimiser.nesterov, "Nesterov's momentum");
  command.add_option("--epsilon", task.optimiser.epsilon, "Of adam and adamw")->capture_default_str();
  command
      .add_option("--loss-scale", text.loss_scale, "Of amp16: dynamic, fixed:SCALE (a power of two) or none")
      ->capture_default_str();
  command
      .add_option("--schedule", text.schedule,
                  "Learning rate by epoch: constant, cosine, step:EVERY:FACTOR, each with ,warmup:EPOCHS")
      ->capture_default_str();
  command.add_option("--epochs", task.epochs, "Epochs of the schedule")->capture_default_str();
  command.add_option("--batch", task.batch, "Images in a mini-batch")->capture_default_str();
  command.add_option(
      "--augment", text.augment,
      "none, crop-flip or resized-crop; if left out crop-flip for CIFAR, resized-crop for folders of "
      "photographs, none for others");
  add_on_bad_image(command, task.on_bad_image);
  command.add_option("--init", text.init, "Initial weights: torch, kaiming0, he or he-in")
      ->capture_default_str();
  add_device(command, text.device);
  add_seed(command, task.seed, "Seed of run 0; run r has the seed r higher");
}

TrainingTask parse_task(const TrainingText& text) {
  TrainingTask task = text.task;
  task.optimiser = parse_optimiser_options(text);
  task.schedule = Schedule::parse(text.schedule);
  task.loss_scale = LossScaler::parse(text.loss_scale);
  task.initialisation = parse_initialisation(text.init);
  task.processor = parse_processor(text.device);
  task.augmentation = text.augment ? parse_augmentation(*text.augment) : usual_augmentation(task.data);
  return task;
}

void report_skipped(const LoadedTask& task, bool quiet) {
  report_skipped(task.train_set, quiet);
  report_skipped(task.test_set, quiet);
}

std::vector<double> parse_numbers(const std::string& option, const std::string& text) {
  std::vector<double> out;
  for (const std::string_view part : split(text, ',')) {
    double value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size())
      throw UsageError(fmt::format("{} {}: \"{}\" is not a number", option, text, part));
    out.push_back(value);
  }
  return out;
}

std::vector<Form> parse_forms(const std::string& text) {
  std::vector<Form> out;
  for (const std::string_view part : split(text, ',')) {
    const Form form = parse_form(part);
    if (std::ranges::count(out, form) > 0)
      throw UsageError(fmt::format("--form {}: {} is there twice", text, part));
    out.push_back(form);
  }
  return out;
}

}  // namespace gradzone::app
