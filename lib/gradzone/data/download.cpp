#include "gradzone/data/download.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

/// The file that grows. Holds a lock, so that two processes never write to it at once.
class PartFile {
 public:
  PartFile(const std::filesystem::path& path, std::size_t most) : path_(path.string()), most_(most) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd_ < 0) throw InputError(fmt::format("{}: cannot write: {}", path_, std::strerror(errno)));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(fd_);
      throw InputError(fmt::format("{}: another process is downloading this", path_));
    }
    size_ = static_cast<std::size_t>(::lseek(fd_, 0, SEEK_END));
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile() {
    if (size_ == 0) ::unlink(path_.c_str());
    ::fsync(fd_);
    ::close(fd_);
  }

  std::size_t size() const { return size_; }
  int error() const { return error_; }
  bool too_large() const { return too_large_; }

  void clear() {
    if (::ftruncate(fd_, 0) != 0) throw InputError(fmt::format("{}: {}", path_, std::strerror(errno)));
    ::lseek(fd_, 0, SEEK_SET);
    size_ = 0;
  }

  /// Appends; false if that failed, which error() or too_large() explains.
  bool append(const char* bytes, std::size_t count) {
    too_large_ = count > most_ - std::min(size_, most_);
    if (too_large_) return false;
    for (std::size_t done = 0; done < count;) {
      const ssize_t n = ::write(fd_, bytes + done, count - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        error_ = errno;
        return false;
      }
      done += static_cast<std::size_t>(n);
      size_ += static_cast<std::size_t>(n);
    }
    return true;
  }

 private:
  std::string path_;
  std::size_t most_, size_ = 0;
  int fd_ = -1, error_ = 0;
  bool too_large_ = false;
};

struct Transfer {
  PartFile& file;
  const Watch& watch;
  std::size_t begin;  ///< bytes that were there before
};

std::size_t on_bytes(char* bytes, std::size_t, std::size_t count, void* transfer) {
  return static_cast<Transfer*>(transfer)->file.append(bytes, count) ? count : 0;
}

int on_progress(void* transfer, curl_off_t total, curl_off_t, curl_off_t, curl_off_t) {
  const auto& t = *static_cast<Transfer*>(transfer);
  if (t.watch.progress && total > 0)
    t.watch.progress(static_cast<std::int64_t>(t.file.size()),
                     static_cast<std::int64_t>(t.begin) + static_cast<std::int64_t>(total));
  return t.watch.stop.stop_requested() ? 1 : 0;
}

using Curl = std::unique_ptr<CURL, decltype([](CURL* curl) { curl_easy_cleanup(curl); })>;

/// One attempt. Returns what curl says of it and the server's status.
struct Attempt {
  CURLcode code;
  long status = 0;
};
Attempt attempt(CURL* curl, const std::string& url, Transfer transfer) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);  // nothing at all for a minute is a broken connection
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "gradzone");
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.begin));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  Attempt out{curl_easy_perform(curl)};
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out.status);
  return out;
}

bool is_broken_off(CURLcode code) {
  return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
         code == CURLE_GOT_NOTHING || code == CURLE_OPERATION_TIMEDOUT || code == CURLE_HTTP2 ||
         code == CURLE_HTTP2_STREAM;
}

[[noreturn]] void fail(const std::string& url, const PartFile& file, Attempt result) {
  if (file.too_large())
    throw InputError(fmt::format("{}: the server sends more than this file should have", url));
  if (file.error() == ENOSPC || file.error() == EDQUOT)
    throw InterruptedError(
        fmt::format("{}: the disk is full: free some space and run the same command", url));
  if (file.error() != 0)
    throw InputError(fmt::format("{}: cannot write it: {}", url, std::strerror(file.error())));
  if (result.code == CURLE_ABORTED_BY_CALLBACK)
    throw InterruptedError(fmt::format("{}: interrupted; the same command continues", url));
  if (result.code == CURLE_HTTP_RETURNED_ERROR)
    throw InputError(fmt::format("{}: the server answers {}", url, result.status));
  const char* what = curl_easy_strerror(result.code);
  if (is_broken_off(result.code) && file.size() > 0)
    throw InterruptedError(
        fmt::format("{}: broke off after {} bytes ({}); the same command continues", url, file.size(), what));
  throw InputError(fmt::format("{}: {}", url, what));
}

}  // namespace

void download(const std::string& url, const std::filesystem::path& part, std::size_t most,
              const Watch& watch) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const Curl curl(curl_easy_init());
  if (ready != CURLE_OK || !curl) throw std::bad_alloc();
  PartFile file(part, most);
  for (;;) {
    const std::size_t begin = file.size();
    const Attempt result = attempt(curl.get(), url, {file, watch, begin});
    if (result.code == CURLE_OK) return;
    constexpr long range_not_satisfiable = 416;
    const bool cannot_continue = result.code == CURLE_RANGE_ERROR || result.status == range_not_satisfiable;
    if (cannot_continue && begin > 0) {
      file.clear();
    } else if (!is_broken_off(result.code) || file.size() == begin) {
      fail(url, file, result);
    }
  }
}

}  // namespace gradzone
