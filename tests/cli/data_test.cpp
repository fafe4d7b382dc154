// Data sets that cannot be read, and gradzone data.
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

const std::string images_name = "t10k-images-idx3-ubyte", labels_name = "t10k-labels-idx1-ubyte";
const std::vector<std::string> all_names{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", images_name,
                                         labels_name};

Bytes big_endian(std::uint32_t value) {
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

Bytes idx_images(std::uint32_t count, std::uint32_t side = 28) {
  Bytes pixels;
  for (std::uint32_t i = 0; i < count * side * side; ++i) pixels += static_cast<char>(i * i % 251);
  return Bytes("\0\0\x08\x03", 4) + big_endian(count) + big_endian(side) + big_endian(side) + pixels;
}

Bytes idx_labels(std::uint32_t count) {
  Bytes labels;
  for (std::uint32_t i = 0; i < count; ++i) labels += static_cast<char>(i % 10);
  return Bytes("\0\0\x08\x01", 4) + big_endian(count) + labels;
}

Bytes gzipped(const Bytes& bytes, const fs::path& scratch) {
  gzFile file = gzopen(scratch.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  return read(scratch);
}

class CliData : public CliTest {
 protected:
  CliData() {
    put(images_name, idx_images(5));
    put(labels_name, idx_labels(5));
  }
  fs::path mnist() const { return path("mnist"); }
  void put(const std::string& name, const Bytes& bytes) const { write(mnist() / name, bytes); }
  void remove(const std::string& name) const { fs::remove(mnist() / name); }
  Options options() const { return {{"--data", "mnist:" + mnist().string()}}; }
  void expect_data_refused(std::vector<std::string> named) const {
    expect_refused(options(), ExitCode::bad_input, named);
  }
};

TEST_F(CliData, FiveImagesInIdxFilesCanBeAudited) {
  EXPECT_EQ(audit(options()).exit_code, 0);
  EXPECT_TRUE(fs::exists(out() / "points.csv"));
}

TEST_F(CliData, CompressedFilesGiveTheSameResults) {
  Options plain = options(), packed = options();
  packed["--out"] = path("packed").string();
  EXPECT_EQ(audit(plain).exit_code, 0);
  for (const std::string& name : {images_name, labels_name}) {
    put(name + ".gz", gzipped(read(mnist() / name), path("scratch")));
    remove(name);
  }
  EXPECT_EQ(audit(packed).exit_code, 0);
  expect_same(results_of(path("packed")), results_of(out()));
}

TEST_F(CliData, AMissingFolderIsNamed) {
  expect_refused({{"--data", "mnist:" + path("none").string()}}, ExitCode::bad_input,
                 {path("none").string()});
}

TEST_F(CliData, AMissingFileIsNamed) {
  remove(labels_name);
  expect_data_refused({mnist().string(), labels_name});
}

TEST_F(CliData, TruncatedFilesAreNamed) {
  const Bytes whole = idx_images(5);
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{3}, std::size_t{10}, std::size_t{16}, whole.size() - 1}) {
    SCOPED_TRACE(length);
    put(images_name, whole.substr(0, length));
    expect_data_refused({(mnist() / images_name).string()});
  }
}

TEST_F(CliData, AWrongMagicIsNamed) {
  Bytes bytes = idx_images(5);
  bytes[0] = 'P';
  put(images_name, bytes);
  expect_data_refused({images_name, "not 00 00"});
  bytes[0] = 0;
  bytes[2] = 0x0D;  // floats
  put(images_name, bytes);
  expect_data_refused({images_name, "element type"});
  put(images_name, idx_labels(5));  // labels where images belong
  expect_data_refused({images_name, "dimensions"});
}

TEST_F(CliData, DifferentNumbersOfImagesAndLabelsAreRefused) {
  put(labels_name, idx_labels(4));
  expect_data_refused({images_name, "5 images", labels_name, "4 labels"});
}

TEST_F(CliData, ALabelThatIsNoDigitIsRefused) {
  Bytes labels = idx_labels(5);
  labels.back() = 77;
  put(labels_name, labels);
  expect_data_refused({"label", "77"});
}

TEST_F(CliData, ImagesOfAnotherSizeAreRefused) {
  put(images_name, idx_images(5, 32));
  expect_data_refused({"32", "28"});
}

TEST_F(CliData, CorruptedCompressionIsNoticed) {
  remove(images_name);
  const Bytes packed = gzipped(idx_images(5), path("scratch"));
  for (const std::size_t at : {std::size_t{5}, packed.size() / 2, packed.size() - 6}) {
    SCOPED_TRACE(at);
    Bytes damaged = packed;
    if (at > 9) damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    if (at == 5) damaged.resize(at);
    put(images_name + ".gz", damaged);
    expect_data_refused({images_name + ".gz"});
  }
}

TEST_F(CliData, UnknownDataSetsAreUsageErrors) {
  for (const char* data : {"cifar:folder", "mnist", "mnist:", "glyphs:0", "glyphs:-1", "glyphs:many"}) {
    SCOPED_TRACE(data);
    expect_refused({{"--data", data}}, ExitCode::usage, {data});
  }
}

TEST_F(CliData, ListNamesEverySetWithItsChecksums) {
  const Outcome text = run({"data", "list"});
  EXPECT_EQ(text.exit_code, 0);
  const Outcome json = run({"data", "list", "--json"});
  EXPECT_EQ(json.exit_code, 0);
  const auto sets = nlohmann::json::parse(json.out);
  const std::vector<std::pair<std::string, std::size_t>> names_and_files{
      {"glyphs", 0}, {"glyphs32", 0}, {"mnist", 4}, {"cifar10", 6}, {"cifar100", 2}, {"svhn", 3}};
  ASSERT_EQ(sets.size(), names_and_files.size());
  for (std::size_t i = 0; i < sets.size(); ++i) {
    EXPECT_EQ(sets[i]["name"], names_and_files[i].first);
    EXPECT_EQ(sets[i]["files"].size(), names_and_files[i].second);
    for (const auto& file : sets[i]["files"]) {
      EXPECT_EQ(file["sha256"].get<std::string>().size(), 64u);
      EXPECT_NE(text.out.find(file["sha256"].get<std::string>()), std::string::npos);
    }
  }
}

TEST_F(CliData, VerifyTellsWrongFromMissing) {
  const Outcome outcome = run({"data", "verify", "mnist:" + mnist().string(), "--json"});
  EXPECT_EQ(outcome.exit_code, 3);
  expect_one_line(outcome.err, {mnist().string(), "4 of 4"});
  const auto checks = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(checks.size(), 4u);
  for (const auto& check : checks) {
    const bool there = check["name"] == images_name || check["name"] == labels_name;
    EXPECT_EQ(check["state"], there ? "wrong" : "missing") << check;
  }
  // The text of a person says the same.
  const Outcome text = run({"data", "verify", "mnist:" + mnist().string()});
  EXPECT_EQ(text.exit_code, 3);
  for (const std::string& name : all_names) EXPECT_NE(text.out.find(name), std::string::npos);
}

TEST_F(CliData, VerifyRefusesWhatItDoesNotKnow) {
  const auto refused = [&](const std::string& what, int code) {
    const Outcome outcome = run({"data", "verify", what});
    EXPECT_EQ(outcome.exit_code, code) << what;
    expect_one_line(outcome.err, {what.substr(what.find(':') + 1)});
  };
  refused("mnist:" + path("none").string(), 3);
  refused("mnist", 2);
  EXPECT_EQ(run({"data", "verify", "cifar:" + mnist().string()}).exit_code, 2);
}

TEST_F(CliData, TheRealMnistIsVerifiedAndAudited) {
  const fs::path real = fs::path(GRADZONE_SHARED_DIR) / "data" / "mnist";
  if (!fs::is_directory(real)) GTEST_SKIP() << real << " is not here";
  const Outcome verified = run({"data", "verify", "mnist:" + real.string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.out;
  const Outcome outcome = audit({{"--data", "mnist:" + real.string()}, {"--json", ""}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["points"], 2);
}

}  // namespace
}  // namespace gradzone::test
