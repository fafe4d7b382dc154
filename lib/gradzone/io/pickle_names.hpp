// What a pickle may call, a closed list, and what it means here.
#pragma once

#include <cstdint>
#include <string_view>

namespace gradzone {

enum class PickleMeaning : std::uint8_t {
  unknown,       ///< refused
  ordered_dict,  ///< a dict
  size,          ///< a tuple
  tensor,        ///< kept for the reader of tensors
  opaque,        ///< a value that nothing looks at
};

PickleMeaning pickle_meaning(std::string_view module, std::string_view name);

}  // namespace gradzone
