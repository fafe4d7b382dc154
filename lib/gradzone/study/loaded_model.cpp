#include "gradzone/study/loaded_model.hpp"

#include <fmt/format.h>

#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/checkpoint_file.hpp"
#include "gradzone/io/onnx.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone {

namespace {

LoadedModel load_onnx(const ModelSpec& model, BatchNorm::Mode batch_norm) {
  const std::string where = model.file.string();
  const std::vector<std::byte> bytes = read_file(model.file, largest_onnx_file);
  const OnnxNetwork network = parse_onnx(bytes, model.file.parent_path(), where, {batch_norm, model.input});
  if (!network.graph) {
    const std::size_t more = network.obstacles.size() - 1;
    throw InputError(
        fmt::format("{}: cannot be evaluated: {}{}", where, network.obstacles.front(),
                    more == 0 ? "" : fmt::format(" (and {} more; gradzone inspect lists them)", more)));
  }
  LoadedModel out{*network.graph,
                  parameters_for(*network.graph, network.checkpoint, where),
                  {},
                  stored_format(network.checkpoint),
                  network.transposed};
  Sha256 hash;
  hash.update(bytes);
  if (network.external_data) {
    for (const Tensor<double>& t : out.parameters) hash.update(std::as_bytes(std::span(t.data)));
  }
  out.sha256 = hash.hex();
  return out;
}

}  // namespace

LoadedModel load_model(const std::string& spec, BatchNorm::Mode batch_norm, std::uint64_t seed) {
  const ModelSpec model = parse_model_spec(spec);
  if (model.net.empty()) return load_onnx(model, batch_norm);
  LoadedModel out{make_net(model.net, batch_norm), {}, {}, FormatId::fp32, {}};
  if (model.initialisation) {
    out.parameters = initialise(out.graph, *model.initialisation, seed);
    Sha256 hash;  // of the numbers drawn, as there is no file
    for (const Tensor<double>& t : out.parameters) hash.update(std::as_bytes(std::span(t.data)));
    out.sha256 = hash.hex();
    return out;
  }
  const std::vector<std::byte> bytes = read_file(model.file, largest_checkpoint_file);
  out.sha256 = sha256_hex(bytes);
  const Checkpoint checkpoint = parse_checkpoint(bytes, model.file.string());
  out.parameters = parameters_for(out.graph, checkpoint, model.file.string());
  out.stored = stored_format(checkpoint);
  return out;
}

}  // namespace gradzone
