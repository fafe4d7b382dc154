// What launchers of parallel programs tell in the environment.
#pragma once

#include <cstdlib>

namespace gradzone {

/// How many processes were started together: 1 unless mpirun, or srun with PMIx or PMI, started this one.
inline int launched_processes() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const char* text = std::getenv(variable)) return std::atoi(text);
  }
  // srun tells its tasks' number to programs without MPI, too: they count where it started them through PMIx.
  if (std::getenv("PMIX_RANK")) {
    if (const char* text = std::getenv("SLURM_NTASKS")) return std::atoi(text);
  }
  return 1;
}

}  // namespace gradzone
