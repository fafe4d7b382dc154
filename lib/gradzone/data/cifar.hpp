// CIFAR-10 and CIFAR-100 in their binary format: one or two label bytes, then 1024 bytes each of red, green
// and blue.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "gradzone/data/dataset.hpp"

namespace gradzone {

/// cifar100's images have a coarse label of 0 ... 19 before their fine one, which is the one that counts.
enum class Cifar { cifar10, cifar100 };

/// `path` is a folder with data_batch_1.bin ... data_batch_5.bin (cifar10, split "train"), test_batch.bin
/// (cifar10, "test"), train.bin or test.bin (cifar100), or one such file, which then serves as either split;
/// each may be gzip-compressed (FILE.gz). Images are [3, 32, 32], of ten or a hundred classes, in file order.
/// The transform is cifar_transforms(). Throws InputError, one line naming the file, for what is missing, cut
/// short, has a label out of range, or holds more than 60,000 images.
Dataset load_cifar(Cifar kind, const std::filesystem::path& path, std::string_view split);

/// boustany2024's: x / 255, then (x - mean) / deviation with mean (0.4914, 0.4822, 0.4465) and deviation
/// (0.2023, 0.1994, 0.2010), each operation rounded to binary32.
std::vector<PixelTransform> cifar_transforms();

/// The images of one file, plain or gzip-compressed, appended to pixels and labels. Throws InputError
/// beginning with `where`.
void append_cifar(Cifar kind, std::span<const std::byte> file, const std::string& where,
                  std::vector<std::uint8_t>& pixels, std::vector<int>& labels);

}  // namespace gradzone
