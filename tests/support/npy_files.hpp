// NPY and NPZ files made in memory.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace gradzone::support {

/// A file of version 1 with this header.
inline std::string npy(const std::string& header, const std::string& values) {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() % 256) +
         static_cast<char>(header.size() / 256) + header + values;
}

/// npy_of("<f4", "(2, 3)", bytes)
inline std::string npy_of(const std::string& type, const std::string& shape, const std::string& values) {
  return npy(fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}\n", type, shape), values);
}

/// The bytes of numbers as they lie in memory.
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

using ZipEntries = std::vector<std::pair<std::string, std::string>>;

/// A zip of entries (name, content), deflated or stored.
inline std::string zip_of(const ZipEntries& entries, bool deflated = true) {
  std::size_t total = 4096;
  for (const auto& [name, content] : entries) total += 2 * name.size() + content.size() + 512;
  std::string out(total, '\0');
  std::size_t used = 0;
  const std::unique_ptr<archive, decltype([](archive* a) { archive_write_free(a); })> zip(
      archive_write_new());
  const auto check = [&](long long status) {
    if (status < ARCHIVE_WARN) throw std::runtime_error(archive_error_string(zip.get()));
  };
  check(archive_write_set_format_zip(zip.get()));
  check(deflated ? archive_write_zip_set_compression_deflate(zip.get())
                 : archive_write_zip_set_compression_store(zip.get()));
  check(archive_write_open_memory(zip.get(), out.data(), out.size(), &used));
  for (const auto& [name, content] : entries) {
    const std::unique_ptr<archive_entry, decltype([](archive_entry* e) { archive_entry_free(e); })> entry(
        archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    check(archive_write_header(zip.get(), entry.get()));
    check(archive_write_data(zip.get(), content.data(), content.size()));
  }
  check(archive_write_close(zip.get()));
  out.resize(used);
  return out;
}

}  // namespace gradzone::support
