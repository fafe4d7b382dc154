#include <gtest/gtest.h>
#include <png.h>
#include <turbojpeg.h>

#include <cstdlib>

#include "gradzone/base/error.hpp"
#include "gradzone/data/image_file.hpp"
#include "gradzone/data/image_folder.hpp"
#include "gradzone/data/loader.hpp"
#include "gradzone/data/resize.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

using support::message_of;
using support::ScratchFolder;

RgbImage plain(Index height, Index width, std::uint8_t red) {
  RgbImage out{height, width, {}};
  for (Index i = 0; i < height * width; ++i)
    for (const std::uint8_t v : {red, std::uint8_t{100}, static_cast<std::uint8_t>(i % 256)})
      out.pixels.push_back(v);
  return out;
}

std::string png_of(const RgbImage& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  std::string out(image.pixels.size() * 2 + 4096, '\0');
  png_alloc_size_t size = out.size();
  EXPECT_NE(png_image_write_to_memory(&png, out.data(), &size, 0, image.pixels.data(), 0, nullptr), 0);
  out.resize(size);
  return out;
}

std::string jpeg_of(const RgbImage& image) {
  const tjhandle encoder = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  tjCompress2(encoder, image.pixels.data(), static_cast<int>(image.width), 0, static_cast<int>(image.height),
              TJPF_RGB, &bytes, &size, TJSAMP_444, 90, 0);
  std::string out(reinterpret_cast<char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(encoder);
  return out;
}

/// Two classes; the training images' red names them.
class ImageFolder : public testing::Test {
 protected:
  ImageFolder() {
    put("train/cat/b.png", 20);
    put("train/cat/a.PNG", 10);
    put("train/ant/z.png", 30);
    put("val/cat/x.png", 40);
    folder.write("train/cat/notes.txt", "no image");
  }
  void put(const std::string& name, std::uint8_t red, Index height = 8, Index width = 8) const {
    folder.write(name, png_of(plain(height, width, red)));
  }
  Dataset load(const std::string& split, ImageFolderOptions options = {}) const {
    options.size = 8;
    return load_image_folder(folder.path(), split, options);
  }
  std::string refusal(const std::string& split, ImageFolderOptions options = {}) const {
    return message_of<InputError>([&] { load(split, options); });
  }
  static std::vector<int> reds(const Dataset& data) {
    std::vector<int> out;
    for (Index i = 0; i < data.size(); ++i) out.push_back(data.pixels(i)[0]);
    return out;
  }

  ScratchFolder folder;
  const ImageFolderOptions on_demand{.most_held = 0};
};

TEST_F(ImageFolder, NumbersClassesAndImagesByName) {
  for (const auto& options : {ImageFolderOptions{}, on_demand}) {
    const Dataset train = load("train", options), test = load("test", options);
    EXPECT_EQ(reds(train), (std::vector<int>{30, 10, 20}));
    EXPECT_EQ(train.labels(), (std::vector<int>{0, 1, 1}));
    EXPECT_EQ(train.classes(), 2);
    EXPECT_EQ(reds(test), (std::vector<int>{40}));
    EXPECT_EQ(test.labels(), (std::vector<int>{1}));
    EXPECT_EQ(test.classes(), 2);
    EXPECT_EQ(train.images().decodes(), options.most_held == 0);
  }
}

TEST_F(ImageFolder, GivesTheSameImagesHeldAndOnDemand) {
  put("train/ant/large.png", 50, 20, 31);
  const Dataset held = load("train"), decoded = load("train", on_demand);
  for (const auto augmentation : {Augmentation::none, Augmentation::crop_flip, Augmentation::resized_crop}) {
    const LoaderOptions options{.batch = 4, .augmentation = augmentation, .seed = 2};
    BatchLoader a(held, options), b(decoded, options);
    for (int k = 0; k < 4; ++k) EXPECT_EQ(a.next().x, b.next().x) << name(augmentation);
  }
}

TEST_F(ImageFolder, NormalisesEachChannel) {
  std::vector<float> values(3 * 64);
  load("train", {.normalisation = named_normalisation("imagenet")}).images().values(1, values);
  EXPECT_EQ(values[0], (10.0f / 255.0f - 0.485f) / 0.229f);
  EXPECT_EQ(values[64], (100.0f / 255.0f - 0.456f) / 0.224f);
  load("train", {.normalisation = named_normalisation("cifar")}).images().values(1, values);
  EXPECT_EQ(values[0], (10.0f / 255.0f - 0.4914f) / 0.2023f);
  load("train", {.normalisation = named_normalisation("symmetric")}).images().values(1, values);
  EXPECT_EQ(values[0], (10.0f / 255.0f - 0.5f) / 0.5f);
  const auto of = [&](const std::string& options) {
    load_dataset("folder:" + folder.path().string() + ",size=8" + options, "train", 0)
        .images()
        .values(1, values);
    return std::vector{values[0], values[64]};
  };
  EXPECT_EQ(of(",norm=unit"), (std::vector{10.0f / 255.0f, 100.0f / 255.0f}));
  EXPECT_EQ(of(",mean=0.1/0.2/0.3,std=0.4/0.5/0.6"),
            (std::vector{(10.0f / 255.0f - 0.1f) / 0.4f, (100.0f / 255.0f - 0.2f) / 0.5f}));
}

TEST_F(ImageFolder, WithoutClassesHasNoLabels) {
  const ScratchFolder flat;
  for (const char* name : {"b.png", "a.JPG", "notes.txt"})
    flat.write(name, png_of(plain(8, 8, name[0] == 'b' ? 2 : 1)));
  for (const std::string split : {"train", "test"})
    for (const std::size_t most_held : {std::size_t{1} << 30, std::size_t{0}}) {
      const Dataset data = load_image_folder(flat.path(), split, {.size = 8, .most_held = most_held});
      EXPECT_FALSE(data.labelled());
      EXPECT_EQ(data.name(), flat.path().string());
      EXPECT_EQ(reds(data), (std::vector<int>{1, 2}));
    }
  flat.write("0.jpg", "no image");
  const Dataset rest = load_image_folder(flat.path(), "test", {.size = 8, .on_bad_image = OnBadImage::skip});
  EXPECT_EQ(reds(rest), (std::vector<int>{1, 2}));
  EXPECT_EQ(rest.skipped().size(), 1u);
  // A split's folder, too; beside one, loose images are nobody's.
  flat.write("val/x.png", png_of(plain(8, 8, 9)));
  EXPECT_EQ(reds(load_image_folder(flat.path(), "test", {.size = 8})), std::vector<int>{9});
  EXPECT_THROW(load_image_folder(flat.path(), "train", {.size = 8}), InputError);
}

TEST_F(ImageFolder, ScalesAndGreysAsStated) {
  put("val/cat/x.png", 40, 20, 31);
  put("val/cat/y.png", 40, 8, 8);
  const auto test = [&](const std::string& options) {
    return load_dataset("folder:" + folder.path().string() + ",size=8" + options, "test", 0);
  };
  const auto planes_of = [](const RgbImage& image) {
    std::vector<std::uint8_t> out;
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t i = c; i < image.pixels.size(); i += 3) out.push_back(image.pixels[i]);
    return out;
  };
  // 8 * 31 / 20 is 12; (12 - 8) / 2 is 2. With a stated size even an image of the right one is scaled.
  EXPECT_EQ(test(",resize=8").pixels(0), planes_of(cut(resize(plain(20, 31, 40), 8, 12), {0, 2, 8, 8})));
  EXPECT_EQ(test(",resize=10").pixels(1), planes_of(cut(resize(plain(8, 8, 40), 10, 10), {1, 1, 8, 8})));
  EXPECT_EQ(test("").pixels(1), planes_of(plain(8, 8, 40)));
  EXPECT_NE(test(",resize=9").fingerprint(), test("").fingerprint());
  const Dataset greys = test(",channels=1");
  EXPECT_EQ(greys.image_shape(), (Shape{1, 8, 8}));
  EXPECT_EQ(greys.pixels(1).size(), 64u);
  EXPECT_EQ(greys.pixels(1)[63], grey(plain(8, 8, 40)).pixels[3 * 63]);
  EXPECT_EQ(greys.batch(std::vector<Index>{1}).x[63], symmetric_unit_transform()[greys.pixels(1)[63]]);
  for (const char* options : {",resize=7", ",channels=2", ",channels=4", ",norm=imagenet,channels=1"})
    EXPECT_THROW(test(options), Error) << options;
}

/// Pillow 9.4: Image.new("RGB", (1, 1), colour).convert("L")
TEST(Grey, IsPillows) {
  const auto of = [](std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
    return grey({1, 1, {red, green, blue}}).pixels;
  };
  EXPECT_EQ(of(255, 0, 0), std::vector<std::uint8_t>(3, 76));
  EXPECT_EQ(of(0, 255, 0), std::vector<std::uint8_t>(3, 150));
  EXPECT_EQ(of(0, 0, 255), std::vector<std::uint8_t>(3, 29));
  EXPECT_EQ(of(255, 255, 255), std::vector<std::uint8_t>(3, 255));
  EXPECT_EQ(of(123, 45, 67), std::vector<std::uint8_t>(3, 71));
  for (int v = 0; v < 256; ++v) {
    const auto level = static_cast<std::uint8_t>(v);
    EXPECT_EQ(of(level, level, level)[0], level);
  }
}

TEST_F(ImageFolder, RefusesABadImageByNameOrLeavesItOut) {
  const std::string good = jpeg_of(plain(30, 30, 60));
  folder.write("train/ant/a.jpg", good.substr(0, good.size() / 2));
  folder.write("train/cat/c.jpg", "not an image");
  folder.write("train/cat/d.jpg", good);
  const std::string refused = refusal("train");
  EXPECT_NE(refused.find("train/ant/a.jpg: bad JPEG"), std::string::npos) << refused;
  EXPECT_NE(refused.find("and 1 more bad image"), std::string::npos) << refused;
  for (const std::size_t most_held : {std::size_t{1} << 30, std::size_t{0}}) {
    const Dataset data = load("train", {.on_bad_image = OnBadImage::skip, .most_held = most_held});
    EXPECT_EQ(data.labels(), (std::vector<int>{0, 1, 1, 1}));
    ASSERT_EQ(data.skipped().size(), 2u);
    EXPECT_NE(data.skipped()[0].find("train/ant/a.jpg: bad JPEG"), std::string::npos);
    EXPECT_NE(data.skipped()[1].find("train/cat/c.jpg: neither JPEG nor PNG"), std::string::npos);
    auto red = reds(data);
    EXPECT_NEAR(red.back(), 60, 3);
    red.pop_back();
    EXPECT_EQ(red, (std::vector<int>{30, 10, 20}));
  }
  // Found where it is asked for, when nothing is decoded beforehand.
  const Dataset lazy = load("train", on_demand);
  EXPECT_EQ(lazy.size(), 6);
  BatchLoader loader(lazy, {.batch = 6});
  EXPECT_NE(message_of<InputError>([&] { loader.next(); }).find("train/"), std::string::npos);
}

TEST_F(ImageFolder, RefusesFoldersThatAreNotOfThisLayout) {
  put("val/dog/x.png", 1);
  EXPECT_NE(refusal("test").find("has no class dog"), std::string::npos);
  const ScratchFolder empty;
  const auto refused = [&](const std::filesystem::path& path) {
    return message_of<InputError>([&] { load_image_folder(path, "train", {}); });
  };
  EXPECT_NE(refused(empty.path() / "none").find("no such folder"), std::string::npos);
  EXPECT_NE(refused(empty.path()).find("train"), std::string::npos);
  empty.write("train/cat/readme.txt", "");
  EXPECT_NE(refused(empty.path()).find("no CLASS/*.jpg"), std::string::npos);
  put("train/cat/line.png", 1, 1, 101);
  EXPECT_NE(refusal("train").find("101 x 1 pixels are too narrow"), std::string::npos);
}

TEST_F(ImageFolder, IsReachedBySpecification) {
  const std::string path = folder.path().string();
  EXPECT_EQ(load_dataset("folder:" + path + ",size=5,norm=cifar", "train", 0).image_shape(),
            (Shape{3, 5, 5}));
  EXPECT_EQ(load_dataset("folder:" + path, "train", 0).image_shape(), (Shape{3, 224, 224}));
  for (const char* options : {",size=0", ",size=5000", ",size=x", ",norm=none", ",colour=1"})
    EXPECT_THROW(load_dataset("folder:" + path + options, "train", 0), UsageError) << options;
  EXPECT_THROW(load_dataset("folder:" + path + ",b/c=d", "train", 0), InputError) << "a path with a comma";
}

TEST_F(ImageFolder, FingerprintsWhatItHolds) {
  const std::string before = load("train").fingerprint(), lazy = load("train", on_demand).fingerprint();
  EXPECT_EQ(load("train").fingerprint(), before);
  put("train/cat/a.PNG", 11);
  EXPECT_NE(load("train").fingerprint(), before);
  put("train/cat/c.png", 11);
  EXPECT_NE(load("train", on_demand).fingerprint(), lazy);
}

TEST(ResizedCentre, TakesTheMiddleOfTheScaledImage) {
  const RgbImage square = plain(32, 32, 1);
  EXPECT_EQ(resized_centre(square, 32), square);
  const RgbImage wide = plain(500, 800, 9);
  const RgbImage scaled = resize(wide, 256, 409);
  EXPECT_EQ(resized_centre(wide, 224), cut(scaled, {16, 92, 224, 224}));  // 92.5 to even
  const RgbImage tall = plain(40, 20, 9);
  EXPECT_EQ(resized_centre(tall, 7), cut(resize(tall, 16, 8), {4, 0, 7, 7}));  // 4.5 and 0.5 to even
}

TEST(ResizedCrop, StaysWithinItsBoundsAndTheImage) {
  RandomStream random(1, "test");
  double least = 1, most = 0;
  for (int i = 0; i < 2000; ++i) {
    const Crop crop = draw_resized_crop(120, 90, random);
    ASSERT_GE(crop.top, 0);
    ASSERT_GE(crop.left, 0);
    ASSERT_LE(crop.top + crop.height, 120);
    ASSERT_LE(crop.left + crop.width, 90);
    const double area = static_cast<double>(crop.height * crop.width) / (120 * 90);
    const double ratio = static_cast<double>(crop.width) / static_cast<double>(crop.height);
    EXPECT_GT(ratio, 0.72);
    EXPECT_LT(ratio, 1.39);
    least = std::min(least, area);
    most = std::max(most, area);
  }
  EXPECT_NEAR(least, 0.08, 0.01);
  EXPECT_GT(most, 0.9);
  const Crop middle = draw_resized_crop(1000, 10, random);
  EXPECT_EQ(middle.width, 10);
  EXPECT_EQ(middle.height, 13);
  EXPECT_EQ(middle.top, 493);
}

TEST(DecodeImage, KnowsFilesByTheirContent) {
  const RgbImage image = plain(5, 7, 3);
  const std::string png = png_of(image);
  EXPECT_EQ(decode_image(std::as_bytes(std::span(png)), "x.jpg"), image);
}

/// CIFAR-10 as JPEG files, where GRADZONE_CIFAR10_JPEG names the folder.
TEST(RealImageFolder, HoldsCifar10) {
  const char* folder = std::getenv("GRADZONE_CIFAR10_JPEG");
  if (folder == nullptr) GTEST_SKIP() << "GRADZONE_CIFAR10_JPEG names no folder with the real images";
  const Dataset data = load_dataset(std::string("folder:") + folder + ",size=32,norm=cifar", "train", 0);
  EXPECT_EQ(data.size(), 50000);
  EXPECT_EQ(data.classes(), 10);
}

}  // namespace
}  // namespace gradzone
