#include "cli/program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

extern char** environ;

namespace gradzone::test {
namespace {

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

int unnamed_file(const char* name) {
  return checked(::memfd_create(name, MFD_CLOEXEC), "memfd_create");
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  ::lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, const std::filesystem::path& output) {
  std::vector<std::string> command{GRADZONE_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  start(command, output);
}

Process Process::other(const std::vector<std::string>& command) {
  Process process;
  process.start(command, {});
  return process;
}

void Process::start(const std::vector<std::string>& command, const std::filesystem::path& output) {
  out_ = output.empty() ? unnamed_file("out") : checked(::open(output.c_str(), O_WRONLY | O_CLOEXEC), "open");
  err_ = unnamed_file("err");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out_, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err_, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int error = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), command[0]);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      ended_(other.ended_),
      status_(other.status_),
      out_(std::exchange(other.out_, -1)),
      err_(std::exchange(other.err_, -1)) {}

Process::~Process() {
  if (pid_ > 0 && !ended_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
  if (out_ >= 0) ::close(out_);
  if (err_ >= 0) ::close(err_);
}

void Process::send(int signal) const {
  if (!ended_) ::kill(pid_, signal);
}

bool Process::ended_within(Milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  while (!ended_) {
    ended_ = checked(::waitpid(pid_, &status_, WNOHANG), "waitpid") == pid_;
    if (ended_ || std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(Milliseconds(1));
  }
  return ended_;
}

Outcome Process::wait(Milliseconds limit) {
  if (!ended_within(limit)) {
    ADD_FAILURE() << "killed after " << limit.count() << " ms";
    send(SIGKILL);
    ::waitpid(pid_, &status_, 0);
    ended_ = true;
  }
  Outcome outcome;
  if (WIFEXITED(status_)) outcome.exit_code = WEXITSTATUS(status_);
  if (WIFSIGNALED(status_)) outcome.signal = WTERMSIG(status_);
  outcome.out = read_all(out_);
  outcome.err = read_all(err_);
  return outcome;
}

Outcome run(const std::vector<std::string>& arguments) {
  return Process(arguments).wait();
}

}  // namespace gradzone::test
