#include "gradzone/study/loaded_model.hpp"

#include <span>

#include "gradzone/base/file.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/checkpoint_file.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone {

LoadedModel load_model(const std::string& spec, BatchNorm::Mode batch_norm, std::uint64_t seed) {
  const ModelSpec model = parse_model_spec(spec);
  LoadedModel out{make_net(model.net, batch_norm), {}, {}, {}};
  if (model.initialisation) {
    out.parameters = initialise(out.graph, *model.initialisation, seed);
    Sha256 hash;  // of the numbers drawn, as there is no file
    for (const Tensor<double>& t : out.parameters) hash.update(std::as_bytes(std::span(t.data)));
    out.sha256 = hash.hex();
    return out;
  }
  const std::vector<std::byte> bytes = read_file(model.file, largest_checkpoint_file);
  out.sha256 = sha256_hex(bytes);
  out.parameters =
      parameters_for(out.graph, parse_checkpoint(bytes, model.file.string()), model.file.string());
  return out;
}

}  // namespace gradzone
