// The program as its users meet it: started as a process of its own, judged by exit code, output and files.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace gradzone::test {

/// How a process ended.
struct Outcome {
  int exit_code = -1;  ///< -1: ended by a signal
  int signal = 0;      ///< the signal that ended it, 0 if none did
  std::string out, err;
};

/// One run of the program under test. Its output goes to unnamed files, so it never waits for a reader. A
/// process that is still there when its owner goes is killed.
class Process {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// `output`: a file to write standard output to, instead of collecting it.
  explicit Process(const std::vector<std::string>& arguments, const std::filesystem::path& output = {});
  /// Any other program, found in PATH: `command` is its name and arguments.
  static Process other(const std::vector<std::string>& command);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  Process(Process&& other) noexcept;
  ~Process();

  void send(int signal) const;
  /// True if the process ended within `time`; wait() then returns at once.
  bool ended_within(Milliseconds time);
  /// Waits for the end; after `limit` the process is killed and the test fails.
  Outcome wait(Milliseconds limit = std::chrono::seconds(60));

 private:
  Process() = default;
  void start(const std::vector<std::string>& command, const std::filesystem::path& output);

  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
  int out_ = -1, err_ = -1;
};

/// Runs the program to its end.
Outcome run(const std::vector<std::string>& arguments);

}  // namespace gradzone::test
