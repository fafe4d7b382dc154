// Checkpoints that PyTorch wrote with torch.save. Files come from strangers: nothing in them is believed
// unchecked, and nothing in them is run.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "gradzone/io/safetensors.hpp"

namespace gradzone {

/// Whether a file begins as one of torch.save: a zip archive, or a pickle.
bool is_torch_file(std::span<const std::byte> file);

/// The tensors of the state dict in a file (torch_state_dict.hpp), in its order, views made contiguous; its
/// metadata says "format" ("pytorch zip" or "pytorch legacy"), "place" if the state dict lay in another
/// dictionary and "prefix" if one was taken off the names. Throws InputError, one line beginning with
/// `where`, for what is damaged, asks for code to be run, holds no state dict or several, and for tensors of
/// it that reach outside their storage, repeat numbers more than sixteenfold, or have an element type other
/// than StoredType's.
Checkpoint parse_torch(std::span<const std::byte> file, const std::string& where);

}  // namespace gradzone
