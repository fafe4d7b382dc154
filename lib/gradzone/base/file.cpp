#include "gradzone/base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

/// A POSIX descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail_write(const std::filesystem::path& path, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    throw InterruptedError(
        fmt::format("{}: the disk is full; nothing was changed: free some space and run the same command",
                    path.string()));
  }
  throw InputError(fmt::format("{}: cannot write: {}", path.string(), std::strerror(error)));
}

/// Opens the file that is written before it is renamed, and locks it. Its name is always the same, so that
/// what a killed process left is used up by the next one; the lock keeps two living ones apart.
int open_locked(const std::filesystem::path& temporary) {
  for (;;) {
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) return fd;
    ::flock(fd, LOCK_EX);  // without effect on file systems that have no locks
    struct stat here {
    }, there{};
    if (::fstat(fd, &here) == 0 && ::stat(temporary.c_str(), &there) == 0 && here.st_ino == there.st_ino) {
      return fd;
    }
    ::close(fd);  // renamed or removed by another process while we waited for its lock
  }
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    throw InputError(fmt::format("{}: cannot open: {}", path.string(), std::strerror(errno)));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    throw InputError(fmt::format("{}: not a regular file", path.string()));
  }
  if (static_cast<std::size_t>(info.st_size) > limit) {
    throw InputError(
        fmt::format("{}: {} bytes, but at most {} are accepted here", path.string(), info.st_size, limit));
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw InputError(fmt::format("{}: cannot read: {}", path.string(), std::strerror(errno)));
    if (n == 0) break;  // the file shrank while we read it
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

std::string read_text_file(const std::filesystem::path& path, std::size_t limit) {
  const std::vector<std::byte> bytes = read_file(path, limit);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void create_writable_folder(const std::filesystem::path& folder) {
  if (folder.empty()) throw InputError("an empty name is not a folder that results can go to");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error == std::errc::no_space_on_device) fail_write(folder, ENOSPC);
  if (error) {
    throw InputError(fmt::format("{}: cannot create this folder: {}", folder.string(), error.message()));
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw InputError(fmt::format("{}: cannot be written: {}", folder.string(), std::strerror(errno)));
  }
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  const auto discard = [&](int error) {
    ::unlink(temporary.c_str());
    fail_write(path, error);
  };
  const Descriptor file(open_locked(temporary));
  if (file.get() < 0) fail_write(path, errno);
  if (::ftruncate(file.get(), 0) != 0) discard(errno);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) discard(errno);
    done += static_cast<std::size_t>(n);
  }
  if (::fsync(file.get()) != 0) discard(errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) discard(errno);
}

FolderLock::FolderLock(const std::filesystem::path& folder)
    : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) throw InputError(fmt::format("{}: cannot open: {}", folder.string(), std::strerror(errno)));
  // Other errors mean a file system without such locks.
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd_);
    throw UsageError(
        fmt::format("{}: another audit or training is writing there: wait for it or give "
                    "another --out",
                    folder.string()));
  }
}

FolderLock::~FolderLock() {
  ::close(fd_);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace gradzone
