#include "gradzone/data/gzip.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

/// zlib's inflate state, released on every way out.
class Inflater {
 public:
  explicit Inflater(const std::string& where) : where_(where) {
    constexpr int gzip_only = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, gzip_only) != Z_OK) throw std::bad_alloc();
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  std::vector<std::byte> run(std::span<const std::byte> file, std::size_t most) {
    std::vector<std::byte> out;
    std::size_t filled = 0;
    feed(file);
    while (filled < most) {
      if (filled == out.size()) out.resize(std::min(most, std::max(smallest_buffer, 2 * filled)));
      const std::size_t room = std::min(out.size() - filled, largest_step);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
      stream_.avail_out = static_cast<uInt>(room);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      filled += room - stream_.avail_out;
      if (status == Z_STREAM_END) {
        if (!next_member()) break;
      } else if (status == Z_BUF_ERROR ||
                 (status == Z_OK && stream_.avail_in == 0 && stream_.avail_out != 0)) {
        if (!feed_more()) fail("is cut short");
      } else if (status != Z_OK) {
        fail("is damaged");
      }
    }
    out.resize(filled);
    return out;
  }

 private:
  static constexpr std::size_t smallest_buffer = std::size_t{1} << 16;
  static constexpr std::size_t largest_step = std::size_t{1} << 30;  // what fits zlib's counters

  [[noreturn]] void fail(const char* what) const {
    throw InputError(fmt::format("{}: the gzip file {}", where_, what));
  }

  void feed(std::span<const std::byte> file) {
    rest_ = file;
    feed_more();
  }

  bool feed_more() {
    if (rest_.empty()) return false;
    const auto piece = rest_.first(std::min(rest_.size(), largest_step));
    rest_ = rest_.subspan(piece.size());
    // zlib does not write through next_in; its interface only predates const.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    return true;
  }

  /// Gets ready for the next member of the file; false if the file ends here.
  bool next_member() {
    if (stream_.avail_in == 0 && !feed_more()) return false;
    if (*stream_.next_in != 0x1F) fail("has something else behind its end");
    inflateReset(&stream_);
    return true;
  }

  const std::string& where_;
  std::span<const std::byte> rest_;
  z_stream stream_{};
};

}  // namespace

bool is_gzip(std::span<const std::byte> file) {
  return file.size() >= 2 && file[0] == std::byte{0x1F} && file[1] == std::byte{0x8B};
}

std::vector<std::byte> gunzip_at_most(std::span<const std::byte> file, std::size_t most,
                                      const std::string& where) {
  return Inflater(where).run(file, most);
}

}  // namespace gradzone
