#include "signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <thread>

#include "gradzone/base/error.hpp"

namespace gradzone::app {

std::stop_token stop_on_signals() {
  static std::stop_source source;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // inherited by every thread; the one below takes them in turn
  std::thread([set] {
    int signal = 0;
    sigwait(&set, &signal);
    source.request_stop();
    sigwait(&set, &signal);
    ::_exit(static_cast<int>(ExitCode::interrupted));
  }).detach();
  return source.get_token();
}

}  // namespace gradzone::app
