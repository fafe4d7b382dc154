// Checkpoints that cannot be audited: refused with a line that says which file and why, before anything is
// written.
#include <cmath>
#include <cstdint>
#include <limits>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

class CliModel : public CliTest {
 protected:
  void expect_file_refused(const Bytes& bytes, const std::vector<std::string>& named = {}) const {
    write(path("bad.safetensors"), bytes);
    expect_lenet_refused(named);
  }
  void expect_file_refused(const Checkpoint& checkpoint, const std::vector<std::string>& named) const {
    expect_file_refused(bytes_of(checkpoint), named);
  }

 private:
  void expect_lenet_refused(std::vector<std::string> named) const {
    named.push_back(path("bad.safetensors").string());
    expect_refused({{"--model", "lenet5:" + path("bad.safetensors").string()}}, ExitCode::bad_input, named);
  }
};

/// 8 bytes of header length, little-endian, and a header.
Bytes file_with_header(std::uint64_t length, const Bytes& header) {
  Bytes bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i));
  return bytes + header;
}

TEST_F(CliModel, AMissingFileIsNamed) {
  expect_refused({{"--model", "lenet5:" + path("none.safetensors").string()}}, ExitCode::bad_input,
                 {"none.safetensors", "No such file"});
}

TEST_F(CliModel, AFolderIsNotAFile) {
  fs::create_directory(path("folder"));
  expect_refused({{"--model", "lenet5:" + path("folder").string()}}, ExitCode::bad_input,
                 {path("folder").string()});
}

TEST_F(CliModel, AnEmptyFileIsRefused) {
  expect_file_refused(Bytes(), {"0 bytes"});
}

TEST_F(CliModel, ATruncatedFileIsRefusedWhereverItWasCut) {
  const Bytes whole = bytes_of(fresh_checkpoint("lenet5"));
  for (const std::size_t length : {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9},
                                   std::size_t{300}, whole.size() / 2, whole.size() - 1}) {
    SCOPED_TRACE(length);
    expect_file_refused(whole.substr(0, length));
  }
}

TEST_F(CliModel, BytesBehindTheEndAreRefused) {
  expect_file_refused(bytes_of(fresh_checkpoint("lenet5")) + "x", {"1 bytes at the end"});
}

TEST_F(CliModel, AnOversizedHeaderIsRefusedWithoutTheMemoryForIt) {
  expect_file_refused(file_with_header(std::uint64_t{1} << 62, "{}"), {"header"});
  expect_file_refused(file_with_header(std::uint64_t{17} << 20, "{}"), {"header"});
}

TEST_F(CliModel, FilesOfAnotherKindAreRefused) {
  expect_file_refused("PK\x03\x04 a zip archive, as PyTorch writes them, is something else");
  expect_file_refused(file_with_header(6, "[1, 2]"), {"header"});
  expect_file_refused(file_with_header(6, "{\"a\":1"), {"header"});
  Bytes noise;
  for (std::uint32_t i = 0, x = 1; i < 4096; ++i)
    noise += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  expect_file_refused(noise);
}

TEST_F(CliModel, AWrongShapeIsNamedWithTheRightOne) {
  Checkpoint checkpoint = fresh_checkpoint("lenet5");
  tensor(checkpoint, "features.0.weight").values.shape = {6, 1, 25, 1};
  expect_file_refused(checkpoint, {"features.0.weight", "lenet5"});
}

TEST_F(CliModel, MissingAndUnexpectedTensorsAreNamed) {
  Checkpoint missing = fresh_checkpoint("lenet5");
  const std::string last = missing.tensors.back().name;
  missing.tensors.pop_back();
  expect_file_refused(missing, {last, "missing"});
  Checkpoint more = fresh_checkpoint("lenet5");
  more.tensors.push_back({"extra.weight", StoredType::f32, Tensor<double>({1})});
  expect_file_refused(more, {"extra.weight"});
}

TEST_F(CliModel, WeightsThatAreNotNumbersAreNamed) {
  for (const double bad :
       {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    SCOPED_TRACE(bad);
    Checkpoint checkpoint = fresh_checkpoint("lenet5");
    tensor(checkpoint, "features.4.weight").values[17] = bad;
    expect_file_refused(checkpoint, {"features.4.weight", "entry 17"});
  }
}

TEST_F(CliModel, AnotherArchitectureIsRecognised) {
  const std::string plain = path("plain").string(), with_bn = path("bn").string();
  write(plain, bytes_of(fresh_checkpoint("lenet5")));
  write(with_bn, bytes_of(fresh_checkpoint("lenet5-bn")));
  expect_refused({{"--model", "lenet5-bn:" + plain}}, ExitCode::bad_input, {plain, "looks like lenet5"});
  expect_refused({{"--model", "lenet5:" + with_bn}}, ExitCode::bad_input, {with_bn, "looks like lenet5-bn"});
  expect_refused({{"--model", "mlp:2x16:" + plain}}, ExitCode::bad_input, {plain, "looks like lenet5"});
}

TEST_F(CliModel, AnUnknownNetworkIsAUsageError) {
  for (const char* model : {"lenet6:file", "lenet5", "lenet5:", ":file", "mlp:3:file"}) {
    SCOPED_TRACE(model);
    expect_refused({{"--model", model}}, ExitCode::usage, {model, "lenet5-bn", "mlp:"});
  }
}

TEST_F(CliModel, WeightsThatOverflowTheFormatAreNamed) {
  Checkpoint checkpoint = fresh_checkpoint("mlp:1x8");
  const std::string name = checkpoint.tensors.front().name;
  checkpoint.tensors.front().values[3] = 1e5;
  write(path("big"), bytes_of(checkpoint));
  const std::string model = "mlp:1x8:" + path("big").string();
  expect_refused({{"--model", model}, {"--format", "fp16"}}, ExitCode::bad_input, {name, "entry 3", "fp16"});
  expect_refused({{"--model", model}, {"--format", "fp32,fp16"}}, ExitCode::bad_input, {name, "fp16"});
  EXPECT_EQ(audit({{"--model", model}, {"--format", "bf16"}}).exit_code, 0);
}

TEST_F(CliModel, AFileNameOfSeveralLinesStillMakesOneLine) {
  expect_refused({{"--model", "lenet5:" + path("two\nlines").string()}}, ExitCode::bad_input, {"two?lines"});
}

}  // namespace
}  // namespace gradzone::test
