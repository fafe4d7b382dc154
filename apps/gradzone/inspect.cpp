// gradzone inspect: what a checkpoint holds and whether it can be audited.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/checkpoint_file.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone::app {
namespace {

/// "" if the checkpoint can be audited as `net`, else why not.
std::string obstacle(const Checkpoint& checkpoint, const std::string& net, const std::string& file) {
  try {
    parameters_for(make_net(net, BatchNorm::Mode::evaluation), checkpoint, file);
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}

void inspect(const std::string& file, bool json) {
  const Checkpoint checkpoint = read_checkpoint(file);
  const std::string net = recognise_net(checkpoint).value_or("");
  const std::string why_not =
      net.empty() ? fmt::format("{}: its tensors are those of no network that gradzone knows", file)
                  : obstacle(checkpoint, net, file);
  if (json) {
    nlohmann::ordered_json out{
        {"file", file}, {"network", net}, {"auditable", why_not.empty()}, {"reason", why_not}};
    out["metadata"] = checkpoint.metadata;
    for (const NamedTensor& t : checkpoint.tensors) {
      out["tensors"].push_back({{"name", t.name}, {"type", name(t.stored)}, {"shape", t.values.shape}});
    }
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

}  // namespace

void add_inspect(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command =
      app.add_subcommand("inspect", "List a checkpoint's tensors and say whether it can be audited");
  auto file = std::make_shared<std::string>();
  command->add_option("file", *file, "A checkpoint: safetensors, or PyTorch's (torch.save)")->required();
  add_common(*command, common);
  command->footer(
      "Exits with 3 if the checkpoint cannot be audited.\n\nExamples:\n  gradzone inspect net.safetensors\n  "
      "gradzone inspect net.pth");
  command->callback([file, &common, &exit_code] {
    inspect(*file, common.json);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
