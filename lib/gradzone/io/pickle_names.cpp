#include "gradzone/io/pickle_names.hpp"

#include <algorithm>

namespace gradzone {
namespace {

struct Known {
  std::string_view module, name;
  PickleMeaning meaning;
};

constexpr Known all_known[] = {
    {"collections", "OrderedDict", PickleMeaning::ordered_dict},
    {"torch", "Size", PickleMeaning::size},
    {"torch._utils", "_rebuild_tensor", PickleMeaning::tensor},
    {"torch._utils", "_rebuild_tensor_v2", PickleMeaning::tensor},
    {"torch._utils", "_rebuild_tensor_v3", PickleMeaning::tensor},
    {"torch._utils", "_rebuild_parameter", PickleMeaning::tensor},
    {"torch._utils", "_rebuild_parameter_with_state", PickleMeaning::tensor},
    // Companions of a state dict in the checkpoint of a training: options, counters, scores, random states.
    {"torch", "device", PickleMeaning::opaque},
    {"numpy", "dtype", PickleMeaning::opaque},
    {"numpy.core.multiarray", "scalar", PickleMeaning::opaque},
    {"numpy.core.multiarray", "_reconstruct", PickleMeaning::opaque},
    {"numpy._core.multiarray", "scalar", PickleMeaning::opaque},
    {"numpy._core.multiarray", "_reconstruct", PickleMeaning::opaque},
    {"_codecs", "encode", PickleMeaning::opaque},
    {"argparse", "Namespace", PickleMeaning::opaque},
    {"collections", "defaultdict", PickleMeaning::opaque},
    {"collections", "Counter", PickleMeaning::opaque},
    {"builtins", "set", PickleMeaning::opaque},
    {"builtins", "frozenset", PickleMeaning::opaque},
    {"__builtin__", "set", PickleMeaning::opaque},
    {"__builtin__", "frozenset", PickleMeaning::opaque},
    {"pathlib", "PosixPath", PickleMeaning::opaque},
    {"pathlib", "WindowsPath", PickleMeaning::opaque},
};

}  // namespace

PickleMeaning pickle_meaning(std::string_view module, std::string_view name) {
  const auto known = std::find_if(std::begin(all_known), std::end(all_known),
                                  [&](const Known& k) { return k.module == module && k.name == name; });
  return known == std::end(all_known) ? PickleMeaning::unknown : known->meaning;
}

}  // namespace gradzone
