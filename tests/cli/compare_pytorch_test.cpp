// PyTorch's gradients of LeNet-5 on MNIST in fp32, saved by the script of the documentation and judged.
#include <nlohmann/json.hpp>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

const std::string mnist = std::string(GRADZONE_SHARED_DIR) + "/data/mnist";
const std::string source = GRADZONE_SOURCE_DIR;

/// A python3 that has PyTorch; empty if there is none.
std::string python_with_torch() {
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    if (Process::other({python, "-c", "import numpy, torch"}).wait().exit_code == 0) return python;
  }
  return "";
}

class CliComparePytorch : public CliTest {
 protected:
  void SetUp() override {
    python_ = python_with_torch();
    if (python_.empty()) GTEST_SKIP() << "no python3 with torch";
    if (!fs::exists(mnist)) GTEST_SKIP() << "no MNIST in " << mnist;
  }

  /// Saves what `options` ask for in a folder and judges it against the weights that the seed draws.
  nlohmann::json judged(const std::string& folder, const std::vector<std::string>& options,
                        const std::string& choices, const std::string& model = "lenet5:init=torch") const {
    std::vector<std::string> command{python_, source + "/reports/compare-pytorch/pytorch_gradients.py",
                                     "seed:0", mnist, path(folder).string()};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome saved = Process::other(command).wait();
    EXPECT_EQ(saved.exit_code, 0) << saved.err;
    const Outcome outcome = run({"compare", "--model", model, "--seed", "0", "--grads", path(folder).string(),
                                 "--choices", choices, "--out", out().string(), "--json", "--quiet"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out);
  }

  std::string python_;
};

TEST_F(CliComparePytorch, RegularPointsHaveFifteenCorrectBits) {
  const auto json = judged("native", {"--points", "100"}, "native,native+relu=1");
  EXPECT_EQ(json["points"], 100);
  EXPECT_GE(json["zones"].value("regular", 0), 99);
  EXPECT_EQ(json["judgements"], (nlohmann::json{{"ok", 100}}));
  EXPECT_EQ(json["tensors_in_fp32_or_fp64"], 1000);
  EXPECT_GE(json["tensors_with_15_bits"].get<int>(), 990);
}

TEST_F(CliComparePytorch, WrongGradientsAreFoundAndNamed) {
  const auto expect = [&](const char* defect, const std::string& tensor, const std::string& reason) {
    const auto json = judged(defect, {"--points", "30", "--defect", defect}, "native,minimal");
    for (const auto& file : json["files"]) {
      EXPECT_EQ(file["judgement"], "wrong") << file;
      ASSERT_EQ(file["flagged"].size(), 1u) << file;
      EXPECT_EQ(file["flagged"][0]["tensor"], tensor);
      EXPECT_TRUE(file["flagged"][0]["reason"].get<std::string>().starts_with(reason)) << file;
    }
  };
  expect("flip", "features.4.weight", "1 sign flipped, first at features.4.weight[");
  expect("scale", "classifier.3.weight", "scaled by 1.01");
}

TEST_F(CliComparePytorch, TiesTellMaxPoolFromAmax) {
  // Images at which the weights of seed 0, rounded to bf16, have a tie between different patches.
  const std::string images = "312,502,717,1174,1470,1922,1973,2238,2260,2329,2336,2730";
  for (const std::string pool : {"native", "minimal"}) {
    const std::string weights = path("coarse.safetensors").string();
    const auto json =
        judged(pool, {"--pool", pool, "--split", "train", "--images", images, "--coarse", weights},
               "native,minimal", "lenet5:" + weights);
    EXPECT_EQ(json["zones"], (nlohmann::json{{"bifurcation", 12}}));
    EXPECT_EQ(json["told"], (nlohmann::json{{pool, 12}}));
    EXPECT_EQ(json["judgements"], (nlohmann::json{{"ok", 12}}));
  }
}

TEST_F(CliComparePytorch, LayoutsOfKerasAndFlaxBecomeACheckpoints) {
  // A convolution, a flattening and a dense layer over NHWC, beside the same over NCHW with what the script
  // makes.
  const char* program = R"(
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import numpy, torch
from checkpoint_layout import images_to_checkpoint, to_checkpoint
random = numpy.random.RandomState(0)
x, kernel, dense = random.rand(2, 5, 6, 3), random.rand(2, 3, 3, 4), random.rand(4 * 4 * 4, 7)
windows = numpy.lib.stride_tricks.sliding_window_view(x, (2, 3), axis=(1, 2))
there = numpy.einsum("nijchw,hwco->nijo", windows, kernel).reshape(2, -1) @ dense
torch_of = lambda a: torch.from_numpy(numpy.ascontiguousarray(a))
convolved = torch.conv2d(torch_of(images_to_checkpoint(x)), torch_of(to_checkpoint(kernel)))
here = convolved.flatten(1) @ torch_of(to_checkpoint(dense, (4, 4, 4))).T
assert numpy.allclose(there, here.numpy())
)";
  const Outcome outcome = Process::other({python_, "-c", program, source + "/docs/scripts"}).wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(CliComparePytorch, ScriptsForOtherFrameworksAreAtLeastPython) {
  for (const char* name : {"tensorflow", "jax"}) {
    const Outcome outcome =
        Process::other({python_, "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())",
                        source + "/docs/scripts/save_gradients_" + name + ".py"})
            .wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
}

}  // namespace
}  // namespace gradzone::test
