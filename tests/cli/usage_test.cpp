// What the command line accepts, and how it says no.
#include <nlohmann/json.hpp>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

class CliUsage : public CliTest {
 protected:
  void expect_usage(const Options& changes, const std::vector<std::string>& named) const {
    expect_refused(changes, ExitCode::usage, named);
  }
};

void expect_usage_of(const std::vector<std::string>& arguments, const std::vector<std::string>& named) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  expect_one_line(outcome.err, named);
}

TEST_F(CliUsage, EverySubCommandExplainsItselfWithExamples) {
  const std::vector<std::vector<std::string>> commands{
      {},         {"audit"},   {"train"},  {"search-lr"},     {"drift"},
      {"demo"},   {"inspect"}, {"data"},   {"data", "list"},  {"data", "verify"},
      {"report"}, {"forms"},   {"bench"},  {"bench", "step"}, {"bench", "reference"},
      {"ties"},   {"volume"},  {"compare"}};
  for (std::vector<std::string> command : commands) {
    std::string name = "gradzone";
    for (const std::string& word : command) name += " " + word;
    SCOPED_TRACE(name);
    command.push_back("--help");
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err, "");
    const std::size_t examples = outcome.out.find("Example");
    ASSERT_NE(examples, std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find(name, examples), std::string::npos) << outcome.out;
  }
}

TEST_F(CliUsage, TheVersionNamesTheLibrariesThatDecideResults) {
  const Outcome outcome = run({"--version"});
  EXPECT_EQ(outcome.exit_code, 0);
  ASSERT_TRUE(outcome.out.starts_with("gradzone "));
  const auto versions = nlohmann::json::parse(outcome.out.substr(outcome.out.find(' ')));
  for (const char* name : {"gradzone", "mpfr", "gmp", "boost", "tbb"}) EXPECT_TRUE(versions.contains(name));
}

TEST_F(CliUsage, ACommandIsNeededAndMustExist) {
  expect_usage_of({}, {"subcommand", "gradzone --help"});
  expect_usage_of({"frobnicate"}, {"frobnicate", "gradzone --help"});
  expect_usage_of({"--frobnicate"}, {"--frobnicate"});
  expect_usage_of({"data", "frobnicate"}, {"frobnicate", "gradzone data --help"});
  expect_usage_of({"bench"}, {"gradzone bench --help"});
}

TEST_F(CliUsage, MissingOptionsAreNamed) {
  expect_usage({{"--model", absent}}, {"--model", "gradzone audit --help"});
  expect_usage({{"--data", absent}}, {"--data"});
  expect_usage_of({"inspect"}, {"file"});
  expect_usage_of({"report"}, {"folders"});
}

TEST_F(CliUsage, UnknownOptionsAndValuesAreNamed) {
  expect_usage({{"--frobnicate", ""}}, {"--frobnicate", "gradzone audit --help"});
  expect_usage({{"--format", "fp8"}}, {"fp8", "fp16"});
  expect_usage({{"--format", "fp32/sideways"}}, {"sideways", "pairwise"});
  expect_usage({{"--format", "fp32,fp32"}}, {"fp32", "twice"});
  expect_usage({{"--choices", "native,best"}}, {"best", "minimal"});
  expect_usage({{"--choices", "native,beta=much"}}, {"beta=much"});
  expect_usage({{"--form", "indirect"}}, {"--form", "indirect", "composed"});
  expect_usage({{"--fail-on", "twilight"}}, {"twilight", "bifurcation"});
  expect_usage({{"--split", "validation"}}, {"--split", "validation"});
  expect_usage({{"--batch-norm", "sometimes"}}, {"--batch-norm", "sometimes"});
}

TEST_F(CliUsage, ImpossibleNumbersAreNamed) {
  expect_usage({{"--samples", "21"}}, {"--samples 21", "20"});
  expect_usage({{"--samples", "-1"}}, {"--samples -1"});
  expect_usage({{"--samples", "some"}}, {"--samples", "some"});
  expect_usage({{"--samples", "99999999999999999999"}}, {"--samples"});
  expect_usage({{"--batch", "0"}}, {"--batch 0"});
  expect_usage({{"--batch", "30"}, {"--samples", "0"}}, {"--batch 30"});
  expect_usage({{"--seed", "-1"}}, {"--seed", "-1"});
  expect_usage({{"--seed", "99999999999999999999"}}, {"--seed"});
  expect_usage({{"--threads", "-1"}}, {"--threads"});
  expect_usage({{"--max-bits", "1"}}, {"bits"});
  expect_usage({{"--start-bits", "0"}}, {"bits"});
}

TEST_F(CliUsage, AZoneNeedsTwoDifferentChoices) {
  expect_usage({{"--choices", "native"}}, {"at least two", "--choices"});
  expect_usage({{"--choices", "native,native"}}, {"native", "twice"});
  expect_usage({{"--choices", "minimal,beta=1"}}, {"minimal", "twice"});
}

TEST_F(CliUsage, BenchAndDemoRefuseNonsense) {
  expect_usage_of({"bench", "step", "--net", "alexnet"}, {"alexnet", "lenet5"});
  expect_usage_of({"bench", "step", "--batch", "0"}, {"batch"});
  expect_usage_of({"bench", "step", "--format", "fp12"}, {"fp12", "amp16"});
  expect_usage_of({"bench", "step", "--backend", "cpu"}, {"--backend", "gradzone bench step --help"});
  expect_usage_of({"bench", "reference", "--bits", "1"}, {"bits"});
  expect_usage_of({"demo", "--epochs", "0", "--out", out().string()}, {"--epochs"});
  expect_usage_of({"demo", "--samples", "-2", "--out", out().string()}, {"--samples"});
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CliUsage, DevicesThatAreNotThereAreRefused) {
  expect_usage_of({"bench", "step", "--device", "tpu"}, {"tpu", "cpu", "cuda"});
  setenv("CUDA_VISIBLE_DEVICES", "", 1);  // even where there is a card
  expect_usage_of({"bench", "step", "--device", "cuda"}, {"CUDA"});
  expect_usage_of({"bench", "reference", "--device", "cuda"}, {"CUDA"});
  expect_usage_of({"bench", "reference", "--engine", "plain", "--device", "cuda"}, {"plain engine"});
  expect_usage_of(
      {"train", "--data", "glyphs:50", "--lr", "0.1", "--device", "cuda", "--out", out().string()}, {"CUDA"});
  for (const std::string device : {"tpu", "cuda"}) {
    expect_usage({{"--device", device}}, {device == "tpu" ? "tpu" : "CUDA"});
    for (const std::string command : {"volume", "threshold"})
      expect_usage_of({command, "--data", "glyphs:50", "--device", device, "--out", out().string()},
                      {device == "tpu" ? "tpu" : "CUDA"});
  }
  unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CliUsage, TensorCoresAreOnCardsAlone) {
  const std::vector<std::string> on_a_card{"fp16-tc", "--device cuda"};
  expect_usage({{"--format", "fp32,fp16-tc"}}, on_a_card);
  const auto training = [&](std::vector<std::string> words, const std::vector<std::string>& options) {
    words.insert(words.end(), {"--data", "glyphs:50", "--out", out().string()});
    words.insert(words.end(), options.begin(), options.end());
    return words;
  };
  expect_usage_of(training({"train", "--lr", "0.1"}, {"--format", "fp16-tc"}), on_a_card);
  expect_usage_of(training({"drift", "--lr", "0.1"}, {"--format", "fp16-tc"}), on_a_card);
  expect_usage_of(training({"search-lr"}, {"--format", "fp32,amp16-tc"}), {"amp16-tc", "--device cuda"});
  expect_usage_of({"bench", "step", "--format", "tf32-tc"}, {"tf32-tc", "--device cuda"});
  expect_usage_of(training({"train", "--lr", "0.1"}, {"--format", "fp32/pairwise", "--device", "cuda"}),
                  {"fp32/pairwise", "chain", "--device cpu"});
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CliUsage, NothingIsSaidOfTensorCoresButByAnAudit) {
  const std::vector<std::string> unstated{"bf16-tc", "no stated order", "audit"};
  const std::string data = "glyphs:20", net = "lenet5:init=torch", folder = out().string();
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"volume", "--net", "lenet5", "--data", data, "--inits", "1", "--out", folder},
           {"ties", "--model", net, "--data", data, "--out", folder},
           {"examples"},
           {"forms"},
           {"compare", "--model", net, "--grads", "nothing", "--out", folder},
           {"export", "--model", net, "--out", path("net.onnx").string()},
           {"train", "--data", data, "--lr", "0.1", "--audit-every", "2", "--device", "cuda", "--out",
            folder}}) {
    SCOPED_TRACE(command.front());
    std::vector<std::string> words = command;
    words.insert(words.end(), {"--format", "bf16-tc"});
    expect_usage_of(words, unstated);
  }
  expect_usage({{"--format", "fp16-tc/pairwise"}}, {"fp16-tc", "order"});
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CliUsage, ResumeIsAcceptedForScripts) {
  EXPECT_EQ(audit({{"--resume", ""}}).exit_code, 0);
}

}  // namespace
}  // namespace gradzone::test
