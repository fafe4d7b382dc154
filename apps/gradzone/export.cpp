// gradzone export: a network and its parameters in a file that other tools open.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/arith/format.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/onnx.hpp"
#include "gradzone/study/loaded_model.hpp"

namespace gradzone::app {
namespace {

struct ExportText {
  std::string model, out, format;
  std::uint64_t seed = 0;
};

/// Numbers that the format does not hold exactly.
Index rounded_numbers(const Parameters& parameters, FormatId format) {
  const Parameters rounded = round_to_format(parameters, format);
  Index count = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    for (Index k = 0; k < parameters[i].size(); ++k) count += parameters[i][k] != rounded[i][k];
  }
  return count;
}

void run(const ExportText& text, const Common& common) {
  const bool onnx = text.out.ends_with(".onnx");
  if (!onnx && !text.out.ends_with(".safetensors"))
    throw UsageError(fmt::format("--out {}: end it with .onnx or .safetensors", text.out));
  const LoadedModel model = load_model(text.model, BatchNorm::Mode::evaluation, text.seed);
  const FormatId format =
      text.format.empty() ? model.stored : require_stated({parse_format(text.format)}).front().id;
  const std::vector<std::byte> bytes =
      onnx ? onnx_bytes(model.graph, model.parameters, format)
           : safetensors_bytes(checkpoint_of(model.graph, model.parameters, format));
  write_file_atomically(text.out, bytes);
  const Index rounded = rounded_numbers(model.parameters, format);
  Index total = 0;
  for (const Tensor<double>& t : model.parameters) total += t.size();
  if (common.json) {
    const nlohmann::ordered_json out{{"file", text.out},       {"network", model.graph.name()},
                                     {"format", name(format)}, {"tensors", model.parameters.size()},
                                     {"numbers", total},       {"rounded", rounded},
                                     {"bytes", bytes.size()}};
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else if (!common.quiet) {
    fmt::print("{}: {} with {} tensors, {} numbers in {}{}\n", text.out, model.graph.name(),
               model.parameters.size(), total, name(format),
               rounded == 0 ? "" : fmt::format(", {} of them rounded", rounded));
  }
}

}  // namespace

void add_export(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand("export", "Write a network as ONNX, or its tensors as safetensors");
  auto text = std::make_shared<ExportText>();
  command->add_option("--model", text->model, std::string(model_syntax))->required();
  command->add_option("--out", text->out, "The file: .onnx with the graph, or .safetensors")->required();
  command->add_option("--format", text->format,
                      "Format of the numbers: fp64, fp32, fp16, bf16 (as the model's file has them)");
  add_seed(*command, text->seed, "Seed of drawn weights");
  add_common(*command, common);
  command->footer(
      "Names of tensors are the network's, which are PyTorch's of the original.\n\n"
      "Examples:\n"
      "  gradzone export --model lenet5:net.safetensors --out lenet5.onnx\n"
      "  gradzone export --model resnet18-bn:init=he --seed 3 --out resnet18.safetensors --format fp16");
  command->callback([text, &common, &exit_code] {
    run(*text, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
