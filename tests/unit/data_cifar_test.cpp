#include <gtest/gtest.h>

#include <filesystem>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/cifar.hpp"

namespace gradzone {
namespace {

constexpr std::size_t record = 3073;

std::string refusal(const std::vector<std::byte>& file) {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  try {
    append_cifar(Cifar::cifar10, file, "FILE", pixels, labels);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Cifar10, ReadsLabelsAndPlanes) {
  std::vector<std::byte> file(2 * record, std::byte{0});
  file[0] = std::byte{7};
  file[1] = std::byte{255};         // red of the first pixel
  file[1 + 1024] = std::byte{128};  // green
  file[record] = std::byte{3};
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  append_cifar(Cifar::cifar10, file, "FILE", pixels, labels);
  EXPECT_EQ(labels, (std::vector<int>{7, 3}));
  ASSERT_EQ(pixels.size(), 2u * 3072);
  EXPECT_EQ(pixels[0], 255);
  EXPECT_EQ(pixels[1024], 128);
}

TEST(Cifar10, RefusesWhatIsNoSuchFileInOneLine) {
  EXPECT_NE(refusal({}).find("no whole number of images"), std::string::npos);
  EXPECT_NE(refusal(std::vector<std::byte>(record - 1)).find("cut short"), std::string::npos);
  std::vector<std::byte> bad(3 * record);
  bad[2 * record] = std::byte{10};
  EXPECT_NE(refusal(bad).find("image 2 has label 10"), std::string::npos);
  EXPECT_NE(refusal(std::vector<std::byte>(60001 * record)).find("more than 60000 images"),
            std::string::npos);
  EXPECT_THROW(load_cifar(Cifar::cifar10, "/no/such/place", "train"), InputError);
  EXPECT_THROW(load_cifar(Cifar::cifar10, std::filesystem::temp_directory_path(), "test"), InputError);
}

TEST(Cifar100, ReadsTheFineLabels) {
  std::vector<std::byte> file(2 * (record + 1), std::byte{0});
  file[0] = std::byte{19};
  file[1] = std::byte{99};
  file[2] = std::byte{255};
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  append_cifar(Cifar::cifar100, file, "FILE", pixels, labels);
  EXPECT_EQ(labels, (std::vector<int>{99, 0}));
  ASSERT_EQ(pixels.size(), 2u * 3072);
  EXPECT_EQ(pixels[0], 255);
  file[1] = std::byte{100};
  EXPECT_THROW(append_cifar(Cifar::cifar100, file, "FILE", pixels, labels), InputError);
  EXPECT_THROW(append_cifar(Cifar::cifar100, std::vector<std::byte>(record), "FILE", pixels, labels),
               InputError);
}

TEST(Cifar10, TransformsEachChannelInBinary32) {
  const auto path = std::filesystem::temp_directory_path() / "gradzone_cifar10_test.bin";
  std::vector<std::byte> file(record, std::byte{255});
  file[0] = std::byte{9};
  write_file_atomically(path, file);
  const Dataset data = load_cifar(Cifar::cifar10, path, "test");
  std::filesystem::remove(path);
  const Index first = 0;
  const MiniBatch batch = data.batch(std::span(&first, 1));
  EXPECT_EQ(batch.labels, std::vector<int>{9});
  EXPECT_EQ(batch.x.shape, (Shape{1, 3, 32, 32}));
  // 255 / 255 is 1: (1 - mean) / deviation, each operation rounded.
  EXPECT_EQ(batch.x[0], static_cast<double>((1.0f - 0.4914f) / 0.2023f));
  EXPECT_EQ(batch.x[1024], static_cast<double>((1.0f - 0.4822f) / 0.1994f));
  EXPECT_EQ(batch.x[2048], static_cast<double>((1.0f - 0.4465f) / 0.2010f));
}

TEST(Cifar10, BeginsWithThePublishedLabels) {
  const std::string file = GRADZONE_SHARED_DIR "/data/cifar10/train-first-4000.bin.gz";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << ": the real images are not here";
  const Dataset data = load_cifar(Cifar::cifar10, file, "train");
  EXPECT_EQ(data.size(), 4000);
  const std::vector<int> first(data.labels().begin(), data.labels().begin() + 10);
  EXPECT_EQ(first, (std::vector<int>{6, 9, 9, 4, 1, 1, 2, 7, 8, 3}));
}

}  // namespace
}  // namespace gradzone
