// SIGINT and SIGTERM ask for an orderly stop; a second one ends the process at once (which loses nothing: the
// result store survives a kill).
#pragma once

#include <stop_token>

namespace gradzone::app {

/// Call once, before any thread starts. The token is triggered by the first signal.
std::stop_token stop_on_signals();

}  // namespace gradzone::app
