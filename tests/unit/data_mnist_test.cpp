#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/manifest.hpp"
#include "gradzone/data/mnist.hpp"
#include "gradzone/data/sha256.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;

using Folder = support::ScratchFolder;

std::string big_endian(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

std::string images(std::uint32_t count, std::uint32_t rows = 2, std::uint32_t columns = 2) {
  return std::string("\0\0\x08\x03", 4) + big_endian(count) + big_endian(rows) + big_endian(columns) +
         std::string(count * rows * columns, 'p');
}

std::string labels(const std::string& values) {
  return std::string("\0\0\x08\x01", 4) + big_endian(static_cast<std::uint32_t>(values.size())) + values;
}

void expect_refused(const Folder& folder, const std::string& part) {
  try {
    load_mnist(folder.path(), "train");
    ADD_FAILURE() << "accepted; expected: " << part;
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(LoadMnist, PairsImagesWithLabels) {
  const Folder folder;
  folder.write("train-images-idx3-ubyte", images(2));
  folder.write("train-labels-idx1-ubyte", labels(std::string("\x07\x00", 2)));
  const Dataset data = load_mnist(folder.path(), "train");
  EXPECT_EQ(data.size(), 2);
  EXPECT_EQ(data.image_shape(), (Shape{1, 2, 2}));
  EXPECT_EQ(data.label(0), 7);
  EXPECT_EQ(data.pixels(1)[3], 'p');
}

TEST(LoadMnist, TransformsAsEachPaper) {
  const Folder folder;
  folder.write("train-images-idx3-ubyte", images(1));
  folder.write("train-labels-idx1-ubyte", labels("\x01"));
  const Index first = 0;
  const auto pixel = [&](const std::string& options) {
    return load_dataset("mnist:" + folder.path().string() + options, "train", 0)
        .batch(std::span(&first, 1))
        .x[0];
  };
  const float unit = 'p' / 255.0f;
  EXPECT_EQ(pixel(""), (unit - 0.5f) / 0.5f);
  EXPECT_EQ(pixel(",norm=symmetric"), pixel(""));
  EXPECT_EQ(pixel(",norm=unit"), unit);
  EXPECT_EQ(pixel(",mean=0.1307,std=0.3081"), (unit - 0.1307f) / 0.3081f);
  EXPECT_THROW(pixel(",norm=imagenet"), InputError) << "of three channels";
  EXPECT_THROW(pixel(",norm=none"), UsageError);
  EXPECT_THROW(pixel(",size=28"), UsageError);
}

TEST(LoadMnist, SaysWhichFileIsMissingOrWrong) {
  const Folder folder;
  expect_refused(folder, "neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz");
  folder.write("train-images-idx3-ubyte", images(2));
  expect_refused(folder, "train-labels-idx1-ubyte");
  folder.write("train-labels-idx1-ubyte", labels("\x01"));
  expect_refused(folder, "2 images");
  folder.write("train-labels-idx1-ubyte", labels("\x01\x0A"));
  expect_refused(folder, "the label of image 1 is 10");
  folder.write("train-labels-idx1-ubyte", images(2));
  expect_refused(folder, "labels have 1 dimensions");
  folder.write("train-images-idx3-ubyte", labels("\x01\x02"));
  expect_refused(folder, "images have 3 dimensions");
  folder.write("train-images-idx3-ubyte", "");
  expect_refused(folder, "no header");
  folder.write("train-images-idx3-ubyte", images(0));
  folder.write("train-labels-idx1-ubyte", labels(""));
  expect_refused(folder, "no images");
  EXPECT_THROW(load_mnist(folder.path() / "none", "train"), InputError);
}

TEST(Manifest, OfMnistIsBuiltIn) {
  const Manifest& mnist = find_manifest("mnist");
  EXPECT_EQ(mnist.files.size(), 4u);
  EXPECT_FALSE(mnist.licence.empty());
  EXPECT_FALSE(mnist.urls.empty());
  EXPECT_THROW(find_manifest("nothing"), UsageError);
}

TEST(Manifest, RefusesJsonThatIsNone) {
  for (const char* text :
       {"", "{}", "[]", R"({"name":1,"title":"","source":"","licence":"","urls":[],"files":[]})",
        R"({"name":"","title":"","source":"","licence":"","urls":[],"files":[
                               {"name":"../a","bytes":1,"sha256":"00"}]})"}) {
    EXPECT_THROW(parse_manifest(text, "x"), InputError) << text;
  }
}

Manifest made_up(std::vector<ManifestFile> files) {
  Manifest out;
  out.name = "test";
  out.files = std::move(files);
  return out;
}

TEST(Manifest, OfCifar10NamesItsArchive) {
  const Manifest& cifar10 = find_manifest("cifar10");
  ASSERT_TRUE(cifar10.archive);
  EXPECT_EQ(cifar10.archive->name, "cifar-10-binary.tar.gz");
  EXPECT_EQ(cifar10.files.size(), 6u);
  for (const ManifestFile& file : cifar10.files) EXPECT_EQ(file.bytes, 10000u * 3073) << file.name;
}

TEST(VerifyDataset, TellsGoodMissingAndWrongFilesApart) {
  const Folder folder;
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-4
  const Manifest manifest = made_up({{"a", 3, abc}, {"b", 3, abc}, {"c", 3, abc}, {"d", 2, abc}});
  folder.write("a", "abc");
  folder.write("c", "abd");
  folder.write("d", "abc");
  const auto checks = verify_dataset(folder.path(), manifest);
  ASSERT_EQ(checks.size(), 4u);
  EXPECT_EQ(checks[0].state, FileCheck::State::ok);
  EXPECT_EQ(checks[1].state, FileCheck::State::missing);
  EXPECT_EQ(checks[2].state, FileCheck::State::wrong);
  EXPECT_NE(checks[2].detail.find("sha256"), std::string::npos);
  EXPECT_EQ(checks[3].state, FileCheck::State::wrong);
  EXPECT_NE(checks[3].detail.find("more than 2 bytes"), std::string::npos);
  EXPECT_THROW(verify_dataset(folder.path() / "none", manifest), InputError);
}

TEST(VerifyDataset, ReportsDamagedGzipFilesAsWrong) {
  const Folder folder;
  folder.write("a.gz", "\x1f\x8b broken");
  const auto checks = verify_dataset(folder.path(), made_up({{"a", 3, std::string(64, '0')}}));
  EXPECT_EQ(checks.at(0).state, FileCheck::State::wrong);
  EXPECT_NE(checks[0].detail.find("gzip"), std::string::npos) << checks[0].detail;
}

TEST(Sha256, AgreesWithThePublishedExamples) {
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 hash;
  hash.update("abcdbcdecdefdefgefghfghighijhi");
  hash.update("jkijkljklmklmnlmnomnopnopq");
  EXPECT_EQ(hash.hex(), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/// The real files, where they are.
class RealMnist : public testing::Test {
 protected:
  void SetUp() override {
    const char* from_environment = std::getenv("GRADZONE_SHARED_DATA");
    folder_ = fs::path(from_environment ? from_environment : GRADZONE_SHARED_DIR "/data") / "mnist";
    if (!fs::is_directory(folder_))
      GTEST_SKIP() << folder_ << " is absent (GRADZONE_SHARED_DATA names its parent)";
  }
  fs::path folder_;
};

TEST_F(RealMnist, PassesItsManifest) {
  for (const FileCheck& check : verify_dataset(folder_, find_manifest("mnist"))) {
    EXPECT_EQ(check.state, FileCheck::State::ok) << check.detail;
  }
}

TEST_F(RealMnist, BeginsWithItsKnownLabels) {
  const Dataset train = load_dataset("mnist:" + folder_.string(), "train", 0);
  EXPECT_EQ(train.size(), 60000);
  EXPECT_EQ(train.image_shape(), (Shape{1, 28, 28}));
  EXPECT_EQ(std::vector<int>(train.labels().begin(), train.labels().begin() + 8),
            (std::vector<int>{5, 0, 4, 1, 9, 2, 1, 3}));
  const Dataset test = load_dataset("mnist:" + folder_.string(), "test", 0);
  EXPECT_EQ(test.size(), 10000);
  EXPECT_EQ(test.label(0), 7);
}

}  // namespace
}  // namespace gradzone
