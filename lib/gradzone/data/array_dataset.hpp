// Data sets made of NumPy's arrays.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "gradzone/data/dataset.hpp"
#include "gradzone/data/normalisation.hpp"

namespace gradzone {

/// How arrays of four dimensions hold images: [n, c, h, w] or [n, h, w, c].
enum class ArrayLayout { unstated, nchw, nhwc };

struct ArrayOptions {
  ArrayLayout layout = ArrayLayout::unstated;  ///< [n, c, h, w], but refused if it looks like the other one
  std::optional<Normalisation> normalisation;  ///< of 8-bit images; symmetric if left out
  std::optional<int> classes;                  ///< the largest label and one if left out
};

inline constexpr int most_array_classes = 1000000;

/// In all of these images are [n, c, h, w] or [n, h, w], or [n, d] for networks that take vectors. 8-bit ones
/// (u1) come under the normalisation. Floats (f2, f4, f8) are the network's input as they are, rounded to
/// binary32 (which changes f8 alone), and black is 0; every one must be finite then. Labels are integers of
/// any type in [0, classes), [n] or [n, 1]. Throws InputError naming the file, the array and, of values, the
/// image and entry that is wrong.

/// `folder` holds SPLIT_images.npy and SPLIT_labels.npy, SPLIT being "train" or "test"; classes are ten if
/// left out.
Dataset load_npy_folder(const std::filesystem::path& folder, std::string_view split,
                        const ArrayOptions& options);

/// One file of images and one of labels; without labels where `labels` is empty.
Dataset load_npy_files(const std::filesystem::path& images, const std::filesystem::path& labels,
                       const ArrayOptions& options);

/// Names of arrays in a NPZ file; the usual ones are looked for where they are empty.
struct NpzKeys {
  std::string images, labels;
};

/// The usual names of images and labels are, SPLIT being "train" or "test": x_SPLIT and y_SPLIT, X_SPLIT and
/// y_SPLIT, SPLIT_images and SPLIT_labels; then, in files without splits, x and y, X and y, images and
/// labels, arr_0 and arr_1; last, the only array of the file. Where there are images of such a name and no
/// labels that belong to them, the data set has none.
Dataset load_npz(const std::filesystem::path& path, std::string_view split, const NpzKeys& keys,
                 const ArrayOptions& options);

}  // namespace gradzone
