// What gradzone exports is what PyTorch had, bit for bit.
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/program.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone::support {
namespace {

constexpr int missing_packages = 77;

TEST(RoundTrip, TensorsComeBackToPyTorchUnchanged) {
  if (!std::filesystem::exists(GRADZONE_PYTHON)) GTEST_SKIP() << "no " << GRADZONE_PYTHON;
  const ScratchFolder scratch;
  const std::string script = std::string(GRADZONE_INTEROP_DIR) + "/round_trip.py";
  const test::Outcome outcome =
      test::Process::other({GRADZONE_PYTHON, script, GRADZONE_PROGRAM, scratch.path().string()})
          .wait(std::chrono::minutes(5));
  if (outcome.exit_code == missing_packages) GTEST_SKIP() << outcome.out << "(Debian: python3-torchvision)";
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
}

}  // namespace
}  // namespace gradzone::support
