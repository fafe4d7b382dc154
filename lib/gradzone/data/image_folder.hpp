// Image folders in ImageNet's layout, FOLDER/{train,val}/CLASS/*.jpg, or without classes.
#pragma once

#include <filesystem>
#include <string_view>

#include "gradzone/data/dataset.hpp"
#include "gradzone/data/normalisation.hpp"

namespace gradzone {

struct ImageFolderOptions {
  Index size = 224;    ///< images become [channels, size, size]
  Index shorter = 0;   ///< what their shorter side is scaled to before; 0 for resized_centre()'s usual
  Index channels = 3;  ///< 3, or 1: grey()
  Normalisation normalisation = named_normalisation("imagenet");
  OnBadImage on_bad_image = OnBadImage::fail;
  /// Folders whose images take no more bytes than this, once scaled, are decoded once and held in memory;
  /// those of larger ones are decoded whenever they are asked for.
  std::size_t most_held = std::size_t{1} << 30;
};

inline constexpr Index largest_folder_size = 4096;

/// Split "train" is FOLDER/train, "test" FOLDER/val or FOLDER/test, whichever is there. Each sub-folder is a
/// class, numbered in the order of their names' bytes as FOLDER/train has them; its images are the files
/// *.jpg, *.jpeg and *.png (in any case), in the order of their names' bytes. A split's folder without
/// sub-folders whose images lie in it themselves is without labels, and so is FOLDER itself, as either split,
/// if it has no folder of a split. Images are tested on as resized_centre() makes them (data/resize.hpp), so
/// those of size x size pixels as they are unless `shorter` is given; random resized crops decode the
/// original again.
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
