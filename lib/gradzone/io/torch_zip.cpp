// The zip archives of torch.save, read with libzip: it goes by the central directory, which libarchive walks
// in the order of the file without telling compression or entries of one name, and tells everything about an
// entry before its bytes are touched.
#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/io/printable.hpp"
#include "gradzone/io/torch_archive.hpp"

namespace gradzone {
namespace {

using Zip = std::unique_ptr<zip_t, decltype([](zip_t* z) { zip_discard(z); })>;
using ZipFile = std::unique_ptr<zip_file_t, decltype([](zip_file_t* f) { zip_fclose(f); })>;

constexpr std::string_view pickle_name = "/data.pkl";

class ZipArchive final : public TorchArchive {
 public:
  ZipArchive(std::span<const std::byte> file, const std::string& where) : where_(where) {
    open(file);
    list(file.size());
    find_folder();
    check_version();
    check_byte_order();
    pickle_ = read_pickle(content(std::string(pickle_name.substr(1))), where_);
  }

  std::string_view format() const override { return "pytorch zip"; }
  const Pickle& pickle() const override { return pickle_; }
  std::span<const std::byte> storage(std::string_view key) override {
    return content(fmt::format("data/{}", key.substr(0, longest_key)));
  }

 private:
  struct Entry {
    zip_uint64_t index = 0, size = 0;
    std::vector<std::byte> content;  ///< once it was asked for
  };
  static constexpr std::size_t longest_key = 200;

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: not a PyTorch file that can be read: {}", where_, what));
  }
  [[noreturn]] void fail_save_again(const std::string& what) const {
    throw InputError(
        fmt::format("{}: {}; in PyTorch, torch.save(model.state_dict(), PATH) writes a file that can be read",
                    where_, what));
  }

  void open(std::span<const std::byte> file) {
    zip_error_t error;
    zip_error_init(&error);
    const auto check = [&](bool good) {
      if (good) return;
      const std::string what = zip_error_strerror(&error);
      zip_error_fini(&error);
      fail(fmt::format("its zip archive is damaged or cut short ({})", what));
    };
    zip_source_t* source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
    check(source != nullptr);
    zip_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
    if (!zip_) zip_source_free(source);
    check(zip_ != nullptr);
    zip_error_fini(&error);
  }

  /// Lists the entries: stored as they are, no two of one name, and together no larger than the file.
  void list(std::size_t file_size) {
    zip_uint64_t total = 0;
    const zip_int64_t count = zip_get_num_entries(zip_.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<zip_uint64_t>(i);
      zip_stat_t about;
      zip_stat_init(&about);
      constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                      ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
      if (zip_stat_index(zip_.get(), index, ZIP_FL_ENC_RAW, &about) != 0 || (about.valid & needed) != needed)
        fail(fmt::format("entry {} of its zip archive is damaged", index));
      const std::string name = about.name;
      if (about.encryption_method != ZIP_EM_NONE) fail(fmt::format("entry {} is encrypted", printable(name)));
      if (about.comp_method != ZIP_CM_STORE || about.comp_size != about.size)
        fail_save_again(fmt::format("entry {} is compressed, which torch.save does not do", printable(name)));
      if (about.size > file_size - total)
        fail(fmt::format("its entries are together larger than its {} bytes", file_size));
      total += about.size;
      if (!entries_.emplace(name, Entry{index, about.size, {}}).second)
        fail(fmt::format("entry {} is there twice", printable(name)));
    }
  }

  /// The entries lie in one folder, whose name is the writer's.
  void find_folder() {
    for (const auto& [name, entry] : entries_) {
      const std::size_t slash = name.find('/');
      if (slash == std::string::npos) continue;
      const std::string_view rest = std::string_view(name).substr(slash);
      if (rest == "/constants.pkl" || rest.starts_with("/code/"))
        fail_save_again("it is a TorchScript archive, a program; load it with torch.jit.load");
      if (rest != pickle_name) continue;
      if (!folder_.empty()) fail("it has more than one data.pkl");
      folder_ = name.substr(0, slash + 1);
    }
    if (folder_.empty())
      fail_save_again("it is a zip archive, but not one of torch.save: it has no data.pkl");
  }

  void check_version() {
    constexpr int newest = 10;
    const bool plain = entries_.contains(folder_ + "version");
    const auto bytes = content(plain ? "version" : ".data/version");
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    int version = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), version);
    if (result.ec != std::errc() || version < 1 || version > newest)
      fail(fmt::format("its version is {}; 1 to {} are read", printable(text), newest));
  }

  void check_byte_order() {
    if (!entries_.contains(folder_ + "byteorder")) return;  // before PyTorch 2.1
    const auto bytes = content("byteorder");
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text != "little")
      fail(fmt::format("its byte order is {}; load it in PyTorch and save it again", printable(text)));
  }

  /// The bytes of an entry of the folder, read once.
  std::span<const std::byte> content(const std::string& name) {
    const auto found = entries_.find(folder_ + name);
    if (found == entries_.end()) fail(fmt::format("its entry {} is missing", printable(name)));
    Entry& entry = found->second;
    if (entry.content.size() == entry.size) return entry.content;
    const ZipFile file(zip_fopen_index(zip_.get(), entry.index, 0));
    if (!file) fail(fmt::format("its entry {} is damaged", printable(name)));
    entry.content.resize(entry.size + 1);  // reading beyond the end makes libzip check the sum
    zip_uint64_t done = 0;
    while (done <= entry.size) {
      const zip_int64_t n = zip_fread(file.get(), entry.content.data() + done, entry.size + 1 - done);
      if (n < 0)
        fail(fmt::format("its entry {} is damaged ({})", printable(name), zip_file_strerror(file.get())));
      if (n == 0) break;
      done += static_cast<zip_uint64_t>(n);
    }
    if (done != entry.size) fail(fmt::format("its entry {} is cut short", printable(name)));
    entry.content.resize(entry.size);
    return entry.content;
  }

  std::string where_;
  Zip zip_;
  std::map<std::string, Entry> entries_;
  std::string folder_;
  Pickle pickle_;
};

}  // namespace

bool is_torch_zip(std::span<const std::byte> file) {
  return file.size() >= 4 && std::to_integer<char>(file[0]) == 'P' && std::to_integer<char>(file[1]) == 'K';
}

std::unique_ptr<TorchArchive> open_torch_zip(std::span<const std::byte> file, const std::string& where) {
  return std::make_unique<ZipArchive>(file, where);
}

}  // namespace gradzone
