// Reading gzip-compressed bytes from strangers: the caller says how much it is willing to hold.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace gradzone {

/// True if the bytes begin as every gzip file does.
bool is_gzip(std::span<const std::byte> file);

/// The first `most` decompressed bytes, or all of them if there are fewer (concatenated members count as one
/// file). Checksums are verified as far as the file was read; ask for one byte more than expected to verify
/// all of it. Memory grows with what really comes out, never with what a header promises. Throws InputError
/// beginning with `where` if the file is damaged, cut short or has something else behind it.
std::vector<std::byte> gunzip_at_most(std::span<const std::byte> file, std::size_t most,
                                      const std::string& where);

}  // namespace gradzone
