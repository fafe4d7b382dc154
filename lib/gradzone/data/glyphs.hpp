// A built-in data set: grey digits drawn from strokes. Nothing to download, any number of images, from a
// seed.
#pragma once

#include <cstdint>
#include <string_view>

#include "gradzone/data/dataset.hpp"

namespace gradzone {

inline constexpr Index usual_train_glyphs = 10000;
inline constexpr Index usual_test_glyphs = 2000;
inline constexpr Index most_glyphs = 1000000;

/// `count` images [1, 28, 28] of the digits 0-9 with their labels, under symmetric_unit_transform().
/// Each is drawn in one of several styles per digit, with jittered pen positions, a random affine map
/// (rotation, shear, scale, shift), pen width, contrast and grain, perhaps a blot or a stray line, on a
/// constant background of random grey with a few isolated specks. Image i depends on (seed, split, i) alone;
/// only + - * / and square roots of binary64 are used, so the bytes are the same on every machine. `split`
/// names the random stream, so train and test never share images. Precondition: 1 <= count <= most_glyphs.
Dataset draw_glyphs(Index count, std::string_view split, std::uint64_t seed);

}  // namespace gradzone
