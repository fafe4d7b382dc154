// What a PyTorch checkpoint says of a storage: the array of numbers that one or more tensors view.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "gradzone/base/tensor.hpp"
#include "gradzone/io/pickle.hpp"
#include "gradzone/io/safetensors.hpp"

namespace gradzone {

/// torch.FloatStorage and the like.
struct TorchStorageType {
  std::string_view name;
  std::size_t element_bytes = 0;
  std::optional<StoredType> stored;  ///< none for the types of no parameter
};

struct TorchStorage {
  TorchStorageType type;
  std::string_view key;
  Index count = 0;  ///< elements
  /// The part of it that the tensor's own storage is, in files of PyTorch before 0.4.
  Index view_begin = 0, view_count = 0;
};

/// Reads a persistent value: ("storage", class, key, location, count[, view]). Throws InputError, one line
/// beginning with `where`, if it is not one, if its class is none of PyTorch's, or if the view reaches
/// outside.
TorchStorage torch_storage(const Pickle& pickle, const PickleValue& persistent, const std::string& where);

}  // namespace gradzone
