// CIFAR-10 in its binary format: a label byte, then 1024 bytes each of red, green and blue.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "gradzone/data/dataset.hpp"

namespace gradzone {

/// `path` is a folder with data_batch_1.bin ... data_batch_5.bin (split "train") or test_batch.bin ("test"),
/// or one such file, which then serves as either split; each may be gzip-compressed (FILE.gz). Images are [3,
/// 32, 32], ten classes, in file order. The transform is boustany2024's for testing, each operation rounded
/// to binary32: x / 255, then (x - mean) / deviation with mean (0.4914, 0.4822, 0.4465) and deviation
/// (0.2023, 0.1994, 0.2010). Throws InputError, one line naming the file, for what is missing, cut short, has
/// a label above 9, or holds more than 60,000 images.
Dataset load_cifar10(const std::filesystem::path& path, std::string_view split);

/// The images of one file, plain or gzip-compressed, appended to pixels and labels. Throws InputError
/// beginning with `where`.
void append_cifar10(std::span<const std::byte> file, const std::string& where,
                    std::vector<std::uint8_t>& pixels, std::vector<int>& labels);

}  // namespace gradzone
