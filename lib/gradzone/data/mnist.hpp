// MNIST from a folder with its four published IDX files.
#pragma once

#include <filesystem>
#include <string_view>

#include "gradzone/data/dataset.hpp"

namespace gradzone {

/// `split` "train" reads train-images-idx3-ubyte and train-labels-idx1-ubyte, "test" the two t10k- files;
/// each plain or with ".gz" behind its name. Ten classes; any set in the same files (Fashion-MNIST, KMNIST)
/// will do. Throws InputError naming the file or folder that is missing, damaged or does not fit its partner.
Dataset load_mnist(const std::filesystem::path& folder, std::string_view split,
                   const PixelTransform& transform = symmetric_unit_transform());

/// `folder`/`name`, or with ".gz" behind it, whichever exists (the plain file first); empty if neither does.
std::filesystem::path find_plain_or_gzip(const std::filesystem::path& folder, std::string_view name);

}  // namespace gradzone
