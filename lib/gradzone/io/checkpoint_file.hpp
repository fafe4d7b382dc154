// Checkpoints in any format that is read, told apart by what the file holds, not by its name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "gradzone/io/safetensors.hpp"

namespace gradzone {

inline constexpr std::size_t largest_checkpoint_file = largest_safetensors_file;

/// Reads safetensors (safetensors.hpp) or what torch.save wrote (torch_checkpoint.hpp). Throws InputError,
/// one line beginning with `where`, for files of other kinds and as those readers do.
Checkpoint parse_checkpoint(std::span<const std::byte> file, const std::string& where);
/// The same for a file on disk, `where` being its path.
Checkpoint read_checkpoint(const std::filesystem::path& path);

}  // namespace gradzone
