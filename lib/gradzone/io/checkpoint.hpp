// Between checkpoints and networks: which tensors of a file are which parameters of a graph.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "gradzone/arith/format.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/io/safetensors.hpp"
#include "gradzone/nets/initialise.hpp"

namespace gradzone {

/// What --model names: a network (nets/nets.hpp) and the file with its parameters, or how they are drawn; or
/// a file that holds the network, too.
struct ModelSpec {
  std::string net;                               ///< empty if the file holds it: ONNX
  std::filesystem::path file;                    ///< empty if they are drawn
  std::optional<Initialisation> initialisation;  ///< "init=torch"
  std::optional<Shape> input;                    ///< "input=3x64x64": of one sample, ONNX only
};

/// What specifications of models look like, for people.
inline constexpr std::string_view model_syntax =
    "NET:FILE, a network and its checkpoint (safetensors or PyTorch's), e.g. lenet5:net.pth; FILE.onnx, or "
    "FILE.onnx,input=3x224x224 where the file leaves its input's size open; or NET:init=torch (kaiming0, he, "
    "he-in): weights drawn from the seed";

/// Reads "lenet5:FILE", "mlp:3x256:FILE" or "vgg11:init=kaiming0": the shortest leading part that names a
/// network, a colon, a path; or "FILE.onnx", "FILE.onnx,input=3x224x224". Throws UsageError listing the
/// networks.
ModelSpec parse_model_spec(std::string_view text);
/// The latter form alone; nothing for other texts. Throws UsageError for a bad input=.
std::optional<ModelSpec> parse_onnx_spec(std::string_view text);

/// What a trainer keeps beside the parameters has names with this prefix; nothing but the trainer reads it.
inline constexpr std::string_view optimiser_prefix = "optimiser.";

/// The element type that holds the storage values of a format.
StoredType stored_type(FormatId format);

/// The parameters of `graph`, matched by name. num_batches_tracked (which no gradient sees) and a trainer's
/// own tensors are ignored.
/// Throws InputError, one line beginning with `where`, for missing, unexpected or wrongly shaped tensors
/// (naming the network that the checkpoint does fit, if there is one), whole-number weights, NaN, infinity, a
/// negative variance.
Parameters parameters_for(const Graph& graph, const Checkpoint& checkpoint, const std::string& where);

/// The same whatever the values are: a training that has diverged is continued, too.
Parameters stored_parameters_for(const Graph& graph, const Checkpoint& checkpoint, const std::string& where);

/// The name of the known network whose parameters these are, names and shapes, if there is one.
std::optional<std::string> recognise_net(const Checkpoint& checkpoint);

/// The narrowest of fp64, fp32, fp16 and bf16 that holds what its tensors are stored in.
FormatId stored_format(const Checkpoint& checkpoint);

/// The checkpoint of a network, values rounded to nearest even into the storage of `format`; its metadata
/// says "network": graph.name(). Precondition: the parameters fit the graph.
Checkpoint checkpoint_of(const Graph& graph, const Parameters& parameters, FormatId format);

}  // namespace gradzone
