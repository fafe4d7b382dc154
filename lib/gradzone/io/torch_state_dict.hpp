// Which tensors of a PyTorch checkpoint are the network's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradzone/io/pickle.hpp"

namespace gradzone {

struct TorchStateDict {
  std::string place;   ///< where it lay: "state_dict", or empty for the file itself
  std::string prefix;  ///< what was taken off every name: "module.", or empty
  std::vector<std::pair<std::string, PickleValue>> tensors;  ///< calls, in the order of the file
};

/// The state dict is the pickle's dictionary of tensors itself, or what it holds under state_dict,
/// model_state_dict, model, net, network, weights or params, or the only dictionary of tensors in it.
/// Dictionaries in it are joined with dots. "module." (DataParallel) and "_orig_mod." (torch.compile) are
/// taken off names that all begin with it. Throws InputError, one line beginning with `where`, if there is
/// none, if there are several, or if a name is there twice, too long or not plain text.
TorchStateDict torch_state_dict(const Pickle& pickle, const std::string& where);

}  // namespace gradzone
