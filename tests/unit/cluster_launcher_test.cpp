// What a program learns of those that were started with it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/cluster/communicator.hpp"
#include "gradzone/cluster/launcher.hpp"

namespace gradzone {
namespace {

class Launcher : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "SLURM_NTASKS"}) {
      if (const char* value = std::getenv(variable)) before_[variable] = value;
      ::unsetenv(variable);
    }
  }
  void TearDown() override {
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "SLURM_NTASKS"})
      ::unsetenv(variable);
    for (const auto& [variable, value] : before_) ::setenv(variable.c_str(), value.c_str(), 1);
  }

 private:
  std::map<std::string, std::string> before_;
};

TEST_F(Launcher, counts_the_processes_of_mpirun_and_srun) {
  EXPECT_EQ(launched_processes(), 1);
  ::setenv("SLURM_NTASKS", "8", 1);  // a batch script's program, started without srun
  EXPECT_EQ(launched_processes(), 1);
  ::setenv("PMIX_RANK", "0", 1);
  EXPECT_EQ(launched_processes(), 8);
  ::setenv("PMI_SIZE", "3", 1);
  EXPECT_EQ(launched_processes(), 3);
  ::setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  EXPECT_EQ(launched_processes(), 2);
}

TEST_F(Launcher, of_several_processes_is_refused_by_a_build_without_mpi) {
  if (GRADZONE_TEST_MPI) GTEST_SKIP() << "a build with MPI";
  EXPECT_EQ(make_communicator(), nullptr);
  ::setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  try {
    make_communicator();
    FAIL() << "no error";
  } catch (const UsageError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("one of 2 processes"), std::string::npos) << message;
    EXPECT_NE(message.find("-D GRADZONE_MPI=ON"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace gradzone
