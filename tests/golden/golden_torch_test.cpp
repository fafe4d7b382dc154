// Checkpoints that PyTorch wrote (golden/torch, made by make_golden_torch.py): the numbers must be PyTorch's.
#include <gtest/gtest.h>

#include <filesystem>

#include "gradzone/io/checkpoint_file.hpp"
#include "support/same_checkpoint.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;

TEST(GoldenTorch, CheckpointsHoldTheTensorsOfTheirSafetensors) {
  int count = 0;
  for (const auto& file : fs::directory_iterator(fs::path(GRADZONE_GOLDEN_DIR) / "torch")) {
    if (file.path().extension() != ".pth") continue;
    SCOPED_TRACE(file.path());
    support::expect_same_tensors(read_checkpoint(file.path()),
                                 read_safetensors(fs::path(file.path()).replace_extension(".safetensors")));
    ++count;
  }
  EXPECT_EQ(count, 8);
}

}  // namespace
}  // namespace gradzone
