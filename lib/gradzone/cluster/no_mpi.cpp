// A build without MPI.
#include <fmt/format.h>

#include "gradzone/base/error.hpp"
#include "gradzone/cluster/communicator.hpp"
#include "gradzone/cluster/launcher.hpp"

namespace gradzone {

std::unique_ptr<Communicator> make_communicator() {
  if (const int processes = launched_processes(); processes > 1) {
    throw UsageError(
        fmt::format("one of {} processes, but this build has no MPI: configure it with -D GRADZONE_MPI=ON, "
                    "or start it without mpirun (docs/cluster.md)",
                    processes));
  }
  return nullptr;
}

}  // namespace gradzone
