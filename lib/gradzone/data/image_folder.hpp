// Image folders in ImageNet's layout: FOLDER/{train,val}/CLASS/*.jpg.
#pragma once

#include <filesystem>
#include <string_view>

#include "gradzone/data/dataset.hpp"

namespace gradzone {

/// How the pixels of an image folder become the network's input: x / 255, then (x - mean) / deviation.
enum class Normalisation {
  imagenet,   ///< mean (0.485, 0.456, 0.406), deviation (0.229, 0.224, 0.225)
  cifar,      ///< cifar_transforms()
  symmetric,  ///< mean and deviation 0.5
};
/// "imagenet", "cifar", "symmetric". Throws UsageError listing them.
Normalisation parse_normalisation(std::string_view text);

struct ImageFolderOptions {
  Index size = 224;  ///< images become [3, size, size]
  Normalisation normalisation = Normalisation::imagenet;
  OnBadImage on_bad_image = OnBadImage::fail;
  /// Folders whose images take no more bytes than this, once scaled, are decoded once and held in memory;
  /// those of larger ones are decoded whenever they are asked for.
  std::size_t most_held = std::size_t{1} << 30;
};

inline constexpr Index largest_folder_size = 4096;

/// Split "train" is FOLDER/train, "test" FOLDER/val or FOLDER/test, whichever is there. Each sub-folder is a
/// class, numbered in the order of their names' bytes as FOLDER/train has them; its images are the files
/// *.jpg, *.jpeg and *.png (in any case), in the order of their names' bytes. Images are tested on as
/// resized_centre() makes them (data/resize.hpp), so those of size x size pixels as they are; random resized
/// crops decode the original again.
///
/// A bad image is one that decode_image() refuses, or one with a side more than 100 times the other.
/// OnBadImage::skip leaves bad images out: every image is decoded beforehand to find them, and
/// Dataset::skipped() names them. OnBadImage::fail throws InputError naming the first one (and how many there
/// are): at once where the images are held, else when it is asked for. Throws InputError also for folders
/// that are missing or empty. The fingerprint of a folder that is not held covers names and sizes of files,
/// not what is in them.
Dataset load_image_folder(const std::filesystem::path& folder, std::string_view split,
                          const ImageFolderOptions& options);

}  // namespace gradzone
