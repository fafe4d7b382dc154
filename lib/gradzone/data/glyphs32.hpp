// A built-in stand-in for CIFAR-10: coloured digits on coloured textures, 32 x 32.
#pragma once

#include <cstdint>
#include <string_view>

#include "gradzone/data/dataset.hpp"

namespace gradzone {

/// `count` images [3, 32, 32] of the digits 0-9 with their labels, under symmetric_unit_transform(). The
/// digits are those of draw_glyphs(), but of any size from 9 to 27 pixels and further from the middle, in a
/// random colour that is at least 110 away (of 441) from the background's; the background goes from one
/// colour to another along a random pattern, half of them with stripes, all with grain; up to three stray
/// strokes of other colours lie beneath the digit. Image i depends on (seed, split, i) alone and is the same
/// bytes on every machine; train and test never share images. Precondition: 1 <= count <= most_glyphs.
Dataset draw_glyphs32(Index count, std::string_view split, std::uint64_t seed);

}  // namespace gradzone
