// Errors that reach a person. Each carries the exit code the program ends with and one line that says what is
// wrong, where, and what to do about it. Programming errors are assertions, numerical doubt is Certain<T>.
#pragma once

#include <stdexcept>
#include <string>

namespace gradzone {

/// What a gradzone process ends with; part of the command line's contract.
enum class ExitCode : int {
  done = 0,
  zone_found = 1,   ///< the audit found a point in the zone that --fail-on names
  usage = 2,        ///< wrong options, or a resumed run with another configuration
  bad_input = 3,    ///< unreadable or invalid input, or an output that cannot be created
  interrupted = 4,  ///< stopped (signal, full disk); the same command continues
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// The request itself is wrong: unknown names, impossible shapes, options that contradict each other.
struct UsageError : Error {
  explicit UsageError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// A file or its content is missing, truncated, of the wrong shape, or not a number.
struct InputError : Error {
  explicit InputError(const std::string& message) : Error(ExitCode::bad_input, message) {}
};

/// Work stopped half-way and can be resumed by the same command.
struct InterruptedError : Error {
  explicit InterruptedError(const std::string& message) : Error(ExitCode::interrupted, message) {}
};

}  // namespace gradzone
