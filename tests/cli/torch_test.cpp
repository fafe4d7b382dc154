// Checkpoints of PyTorch: what the program makes of them is what it makes of the same tensors in safetensors.
#include "cli/cli_test.hpp"
#include "gradzone/io/checkpoint_file.hpp"
#include "support/same_checkpoint.hpp"
#include "support/torch_bytes.hpp"

namespace gradzone::test {
namespace {

using namespace support;

class CliTorch : public CliTest {
 protected:
  /// What torch.save(checkpoint, PATH) might have written, every tensor in a storage of its own.
  static Bytes torch_bytes(const Checkpoint& checkpoint) {
    std::vector<std::pair<std::string, std::string>> items;
    std::vector<MadeStorage> storages;
    for (const NamedTensor& t : checkpoint.tensors) {
      MadeTensor made{
          std::to_string(storages.size()), "FloatStorage", t.values.size(), 0, t.values.shape, {}, ""};
      Index stride = t.values.size();
      for (const Index d : made.shape) made.strides.push_back(stride /= d);
      items.emplace_back(t.name, tensor_value(made));
      Bytes content;
      for (const double v : t.values.data)
        content += number_bytes(std::bit_cast<std::uint32_t>(static_cast<float>(v)), 4);
      storages.push_back({made.key, content});
    }
    return zip_bytes(torch_entries(dict_value({{"state_dict", dict_value(items)}}), storages));
  }
};

TEST_F(CliTorch, AnAuditIsTheSameAsOfSafetensors) {
  const Checkpoint checkpoint = fresh_checkpoint("lenet5");
  write(path("net.pth"), torch_bytes(checkpoint));
  write(path("net.safetensors"), bytes_of(checkpoint));
  const auto points = [&](const std::string& file, const std::string& folder) {
    const Outcome outcome =
        audit({{"--model", "lenet5:" + path(file).string()}, {"--out", path(folder).string()}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read(path(folder) / "points.csv");
  };
  const Bytes expected = points("net.safetensors", "a");
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(points("net.pth", "b"), expected);
}

TEST_F(CliTorch, InspectTellsFormatAndPlace) {
  write(path("net.pth"), torch_bytes(fresh_checkpoint("lenet5")));
  const Outcome outcome = run({"inspect", path("net.pth").string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* part : {"format = pytorch zip", "place = state_dict", "can be audited: --model lenet5:"})
    EXPECT_NE(outcome.out.find(part), std::string::npos) << outcome.out;
}

TEST_F(CliTorch, AFileThatAsksForCodeIsRefused) {
  const fs::path made = path("made");
  write(path("net.pth"),
        legacy_bytes(global_value("os", "system") + text_value("touch " + made.string()) + "\x85R", {}));
  const std::string file = path("net.pth").string();
  expect_refused({{"--model", "lenet5:" + file}}, ExitCode::bad_input,
                 {file, "os.system", "never runs code"});
  EXPECT_FALSE(fs::exists(made));
}

TEST_F(CliTorch, NumbersAreThoseOfPyTorch) {
  const Outcome written = Process::other({"/usr/bin/python3", GRADZONE_GOLDEN_DIR "/make_golden_torch.py",
                                          path("").string(), "all"})
                              .wait();
  if (written.exit_code == 77 || written.exit_code == 127)
    GTEST_SKIP() << "needs /usr/bin/python3 with PyTorch (Debian: python3-torch)";
  ASSERT_EQ(written.exit_code, 0) << written.err;
  int count = 0;
  for (const auto& file : fs::directory_iterator(path(""))) {
    if (file.path().extension() != ".pth") continue;
    SCOPED_TRACE(file.path());
    expect_same_tensors(read_checkpoint(file.path()),
                        read_safetensors(fs::path(file.path()).replace_extension(".safetensors")));
    ++count;
  }
  EXPECT_EQ(count, 25);
  EXPECT_EQ(run({"inspect", path("lenet5.pth").string()}).exit_code, 0);
}

}  // namespace
}  // namespace gradzone::test
