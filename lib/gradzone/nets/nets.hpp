// The networks that can be asked for by name, on the command line and in checkpoints.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// The network called `spec`: a name of net_names(), "mlp:<layers>x<width>" ("mlp:3x256") or
/// "mlp-relu:<layers>x<width>"; nothing if there is no such network. `mode` is that of its batch norms, if it
/// has any. Throws UsageError for an mlp of impossible size.
std::optional<Graph> find_net(std::string_view spec, BatchNorm::Mode mode);

/// The same, but a name that does not exist is a UsageError that lists what does.
Graph make_net(std::string_view spec, BatchNorm::Mode mode);

/// The fixed names: lenet5, lenet5-normpool, vgg9 ... vgg19, resnet18 ... resnet50, resnet18-imagenet ...,
/// densenet121, each also with "-bn" behind it. Families with parameters (mlp) are not among them.
const std::vector<std::string>& net_names();

}  // namespace gradzone
