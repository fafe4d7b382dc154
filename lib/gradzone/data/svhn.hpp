// SVHN's cropped digits: MATLAB files with images X [32, 32, 3, n] and labels y [n, 1].
#pragma once

#include <filesystem>
#include <string_view>

#include "gradzone/data/dataset.hpp"

namespace gradzone {

/// `path` is a folder with FILE_32x32.mat, where `file` is "train", "test" or "extra", or one such file.
/// Images become [3, 32, 32] in file order, of ten classes, the label 10 meaning the digit 0; the transform
/// is symmetric_unit_transform(). Throws InputError, one line naming the file, for what is missing, damaged,
/// has other variables, shapes or types, or more than 1,000,000 images.
Dataset load_svhn(const std::filesystem::path& path, std::string_view file);

}  // namespace gradzone
