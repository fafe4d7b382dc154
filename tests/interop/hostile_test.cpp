// Files that mean harm are refused in one line, before they cost anything: hostile.py makes and measures
// them.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

#include "cli/program.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone::support {
namespace {

TEST(HostileFiles, AreRefusedInOneLine) {
  if (!std::filesystem::exists(GRADZONE_PYTHON)) GTEST_SKIP() << "no " << GRADZONE_PYTHON;
  const ScratchFolder scratch;
  const std::string script = std::string(GRADZONE_INTEROP_DIR) + "/hostile.py";
  const test::Outcome outcome =
      test::Process::other({GRADZONE_PYTHON, script, GRADZONE_PROGRAM, scratch.path().string()})
          .wait(std::chrono::minutes(5));
  std::printf("%s", outcome.out.c_str());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

}  // namespace
}  // namespace gradzone::support
