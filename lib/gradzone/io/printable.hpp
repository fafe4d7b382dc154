// Texts from files of strangers, made fit for one line of an error.
#pragma once

#include <string>
#include <string_view>

namespace gradzone {

/// A name from a file, quoted and cut so that it fits on one line whatever it holds.
std::string printable(std::string_view text);

/// Whether a name can be shown and written as it is: UTF-8 without control characters.
bool is_plain_text(std::string_view text);

}  // namespace gradzone
