// A library that is looked for when it is wanted, so that a program runs where it is missing.
#pragma once

#include <dlfcn.h>

#include <initializer_list>
#include <string>

#include "gradzone/base/error.hpp"

namespace gradzone::device {

class SharedLibrary {
 public:
  /// The address of a function, as whatever function it is assigned to.
  struct Symbol {
    void* address;
    template <class Function>
    operator Function*() const {
      return reinterpret_cast<Function*>(address);
    }
  };

  /// The first of the files that is there. It stays loaded until the program ends: libraries of CUDA cannot
  /// be unloaded safely. Throws UsageError, saying that `what` needs it.
  SharedLibrary(std::initializer_list<std::string> files, const std::string& what) : what_(what) {
    for (const std::string& file : files) {
      handle_ = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_ != nullptr) return;
    }
    fail();
  }
  /// Throws UsageError if the library has no such function.
  Symbol operator[](const char* name) const {
    void* address = dlsym(handle_, name);
    if (address == nullptr) fail();
    return {address};
  }

 private:
  [[noreturn]] void fail() const {
    throw UsageError(what_ + ": " + dlerror() + "; LD_LIBRARY_PATH says where it is (docs/cuda.md)");
  }

  std::string what_;
  void* handle_ = nullptr;
};

}  // namespace gradzone::device
