#include "gradzone/data/svhn.hpp"

#include <fmt/format.h>
#include <matio.h>

#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

constexpr std::size_t side = 32, channels = 3, digits = 10, most_images = 1000000;

using MatFile = std::unique_ptr<mat_t, decltype([](mat_t* file) { Mat_Close(file); })>;
using Variable = std::unique_ptr<matvar_t, decltype([](matvar_t* variable) { Mat_VarFree(variable); })>;

/// matio reads other versions, too, but HDF5, which it reads version 7.3 with, prints what it does not like.
bool is_matlab_5(const std::filesystem::path& path) {
  std::array<char, 128> header{};
  std::ifstream(path, std::ios::binary).read(header.data(), header.size());
  const std::string_view version(header.data() + 124, 4);
  return version == std::string_view("\x00\x01IM", 4) || version == std::string_view("\x01\x00MI", 4);
}

/// A variable of the file, without its data.
Variable describe(mat_t* file, const char* name, const std::string& where) {
  Variable variable(Mat_VarReadInfo(file, name));
  if (!variable) throw InputError(fmt::format("{}: there is no variable {}; is this SVHN?", where, name));
  return variable;
}

void read_data(mat_t* file, matvar_t* variable, std::size_t bytes, const std::string& where) {
  if (Mat_VarReadDataAll(file, variable) != 0 || variable->data == nullptr || variable->nbytes != bytes)
    throw InputError(fmt::format("{}: variable {} is damaged or cut short", where, variable->name));
}

/// The number of images, if X is what it should be.
std::size_t check_images(const matvar_t& x, const std::string& where) {
  const bool fits = x.class_type == MAT_C_UINT8 && !x.isComplex && x.rank == 4 && x.dims[0] == side &&
                    x.dims[1] == side && x.dims[2] == channels && x.dims[3] >= 1;
  if (!fits)
    throw InputError(
        fmt::format("{}: X is not an array of 8-bit numbers of shape [32, 32, 3, images]", where));
  if (x.dims[3] > most_images) throw InputError(fmt::format("{}: more than {} images", where, most_images));
  return x.dims[3];
}

std::vector<int> read_labels(mat_t* file, std::size_t images, const std::string& where) {
  const Variable y = describe(file, "y", where);
  const bool bytes = y->class_type == MAT_C_UINT8, doubles = y->class_type == MAT_C_DOUBLE;
  if (!(bytes || doubles) || y->isComplex || y->rank != 2 || y->dims[0] != images || y->dims[1] != 1)
    throw InputError(
        fmt::format("{}: y is not a column of {} numbers, a label for each image of X", where, images));
  read_data(file, y.get(), images * (bytes ? 1 : sizeof(double)), where);
  std::vector<int> labels;
  for (std::size_t i = 0; i < images; ++i) {
    const double label =
        bytes ? static_cast<const std::uint8_t*>(y->data)[i] : static_cast<const double*>(y->data)[i];
    if (!(label >= 1 && label <= digits) || label != std::floor(label))
      throw InputError(fmt::format("{}: image {} has label {}, SVHN has 1 to 10", where, i, label));
    labels.push_back(static_cast<int>(label) % static_cast<int>(digits));
  }
  return labels;
}

/// From MATLAB's column-major [row, column, channel, image] to [image, channel, row, column].
std::vector<std::uint8_t> image_by_image(const std::uint8_t* x, std::size_t images) {
  std::vector<std::uint8_t> out(images * channels * side * side);
  for (std::size_t plane = 0; plane < images * channels; ++plane)
    for (std::size_t row = 0; row < side; ++row)
      for (std::size_t column = 0; column < side; ++column)
        out[(plane * side + row) * side + column] = x[(plane * side + column) * side + row];
  return out;
}

}  // namespace

Dataset load_svhn(const std::filesystem::path& path, std::string_view file) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(path, ignored);
  const auto source = folder ? path / fmt::format("{}_32x32.mat", file) : path;
  const std::string where = source.string();
  if (!std::filesystem::is_regular_file(source, ignored))
    throw InputError(fmt::format("{}: no such file; SVHN's {} images are looked for there", where, file));
  if (!is_matlab_5(source)) throw InputError(fmt::format("{}: not a MATLAB file of version 5", where));
  const MatFile mat(Mat_Open(source.c_str(), MAT_ACC_RDONLY));
  if (!mat) throw InputError(fmt::format("{}: a damaged MATLAB file", where));
  const Variable x = describe(mat.get(), "X", where);
  const std::size_t images = check_images(*x, where);
  // Compression makes nothing smaller than this, so that memory is never taken for what cannot be there.
  constexpr std::size_t most_compression = 1100;
  if (images * channels * side * side / most_compression > std::filesystem::file_size(source))
    throw InputError(fmt::format("{}: X is cut short", where));
  std::vector<int> labels = read_labels(mat.get(), images, where);
  read_data(mat.get(), x.get(), images * channels * side * side, where);
  return Dataset(fmt::format("svhn {}", file), {channels, side, side}, digits,
                 image_by_image(static_cast<const std::uint8_t*>(x->data), images), std::move(labels),
                 symmetric_unit_transform());
}

}  // namespace gradzone
