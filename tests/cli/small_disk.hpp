// A disk that is soon full.
#pragma once

#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "cli/cli_test.hpp"

namespace gradzone::test {

/// A small file system of its own, unmounted at the end.
class SmallDisk {
 public:
  SmallDisk(fs::path where, const std::string& options, unsigned long flags = 0) : where_(std::move(where)) {
    fs::create_directories(where_);
    mounted_ = ::mount("tmpfs", where_.c_str(), "tmpfs", flags, options.c_str()) == 0;
    if (!mounted_) why_ = std::string("a tmpfs cannot be mounted here: ") + std::strerror(errno);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(where_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const std::string& why_not() const { return why_; }
  bool resize(const std::string& options) const {
    return ::mount("tmpfs", where_.c_str(), "tmpfs", MS_REMOUNT, options.c_str()) == 0;
  }

 private:
  fs::path where_;
  bool mounted_ = false;
  std::string why_;
};

}  // namespace gradzone::test
