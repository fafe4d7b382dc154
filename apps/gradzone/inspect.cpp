// gradzone inspect: what a checkpoint holds and whether it can be audited.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/checkpoint_file.hpp"
#include "gradzone/io/onnx.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone::app {
namespace {

/// "" if the checkpoint can be audited as this network, else why not.
std::string obstacle(const Graph& graph, const Checkpoint& checkpoint, const std::string& file) {
  try {
    parameters_for(graph, checkpoint, file);
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}

nlohmann::ordered_json tensors_json(const Checkpoint& checkpoint) {
  auto out = nlohmann::ordered_json::array();
  for (const NamedTensor& t : checkpoint.tensors) {
    out.push_back({{"name", t.name}, {"type", name(t.stored)}, {"shape", t.values.shape}});
  }
  return out;
}

void inspect(const std::string& file, bool json) {
  const Checkpoint checkpoint = read_checkpoint(file);
  const std::string net = recognise_net(checkpoint).value_or("");
  const std::string why_not =
      net.empty() ? fmt::format(
                        "{}: its tensors are those of no network that gradzone knows; export the network "
                        "as ONNX, which holds its graph, too",
                        file)
                  : obstacle(make_net(net, BatchNorm::Mode::evaluation), checkpoint, file);
  if (json) {
    nlohmann::ordered_json out{
        {"file", file}, {"network", net}, {"auditable", why_not.empty()}, {"reason", why_not}};
    out["metadata"] = checkpoint.metadata;
    out["tensors"] = tensors_json(checkpoint);
    // File names need not be UTF-8.
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    Index total = 0;
    for (const NamedTensor& t : checkpoint.tensors) {
      fmt::print("  {:<28} {:<5} {}\n", t.name, name(t.stored), to_string(t.values.shape));
      total += t.values.size();
    }
    fmt::print("{} tensors, {} numbers\n", checkpoint.tensors.size(), total);
    for (const auto& [key, value] : checkpoint.metadata) fmt::print("  {} = {}\n", key, value);
    if (why_not.empty()) fmt::print("can be audited: --model {}:{}\n", net, file);
  }
  if (!why_not.empty()) throw InputError(fmt::format("cannot be audited: {}", why_not));
}

/// A file that holds its graph, too.
void inspect_onnx(const std::string& text, const ModelSpec& spec, bool json) {
  const OnnxNetwork network = read_onnx(spec.file, {BatchNorm::Mode::evaluation, spec.input});
  const std::size_t obstacles = network.obstacles.size();
  std::string why_not = obstacles == 0
                            ? ""
                            : fmt::format("{}: {} cannot be evaluated, the first: {}", spec.file.string(),
                                          obstacles == 1 ? "a node" : fmt::format("{} nodes", obstacles),
                                          network.obstacles.front());
  if (network.graph) why_not = obstacle(*network.graph, network.checkpoint, spec.file.string());
  if (json) {
    nlohmann::ordered_json out{
        {"file", spec.file.string()}, {"auditable", why_not.empty()}, {"reason", why_not}};
    out["metadata"] = network.checkpoint.metadata;
    out["notes"] = network.notes;
    out["obstacles"] = network.obstacles;
    if (network.graph) out["input"] = network.graph->input_shape();
    if (network.graph) out["classes"] = network.graph->classes();
    out["tensors"] = tensors_json(network.checkpoint);
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    if (network.graph) fmt::print("{}", network.graph->describe());
    for (const auto& [key, value] : network.checkpoint.metadata) fmt::print("  {} = {}\n", key, value);
    for (const std::string& note : network.notes) fmt::print("note: {}\n", note);
    for (const std::string& line : network.obstacles) fmt::print("cannot be evaluated: {}\n", line);
    if (why_not.empty()) fmt::print("can be audited: --model {}\n", text);
  }
  if (!why_not.empty()) throw InputError(fmt::format("cannot be audited: {}", why_not));
}

}  // namespace

void add_inspect(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command =
      app.add_subcommand("inspect", "List a checkpoint's tensors and say whether it can be audited");
  auto file = std::make_shared<std::string>();
  command->add_option("file", *file, "A checkpoint: safetensors, PyTorch's (torch.save), or ONNX")
      ->required();
  add_common(*command, common);
  command->footer(
      "Exits with 3 if the checkpoint cannot be audited.\n\nExamples:\n  gradzone inspect net.safetensors\n  "
      "gradzone inspect net.pth\n  gradzone inspect resnet18.onnx");
  command->callback([file, &common, &exit_code] {
    if (const auto spec = parse_onnx_spec(*file)) {
      inspect_onnx(*file, *spec, common.json);
    } else {
      inspect(*file, common.json);
    }
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
