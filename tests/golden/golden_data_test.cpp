// Files that other programs wrote (golden/data, made by make_data.py), read as those programs read them.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "gradzone/base/error.hpp"
#include "gradzone/data/image_file.hpp"
#include "gradzone/data/npy.hpp"
#include "gradzone/data/resize.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/data/svhn.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;
using support::content_of;
using support::message_of;
using support::ScratchFolder;

const fs::path folder = fs::path(GRADZONE_GOLDEN_DIR) / "data";

/// pattern() of make_data.py.
RgbImage pattern(Index height, Index width) {
  RgbImage out{height, width, {}};
  for (Index row = 0; row < height; ++row)
    for (Index column = 0; column < width; ++column)
      for (Index c = 0; c < 3; ++c)
        out.pixels.push_back(
            static_cast<std::uint8_t>(row * row * 7 + column * 13 * (c + 1) + row * column * 3 + c * 91));
  return out;
}

std::string sha256(std::span<const std::uint8_t> bytes) {
  return sha256_hex(std::as_bytes(bytes));
}

RgbImage decode(const std::string& name) {
  return decode_image(read_file(folder / name, 1 << 20), name);
}

TEST(GoldenResize, IsPillowsBitForBit) {
  const auto expect = [](Index h, Index w, Index new_h, Index new_w, const char* sum) {
    const RgbImage out = resize(pattern(h, w), new_h, new_w);
    EXPECT_EQ(out.height, new_h);
    EXPECT_EQ(out.width, new_w);
    EXPECT_EQ(sha256(out.pixels), sum) << h << " x " << w << " to " << new_h << " x " << new_w;
  };
  expect(37, 53, 16, 24, "52dcd15021bdf2289690e036877d7d5c34af6c0c88fbff9a587706372e97cfa9");
  expect(16, 24, 37, 53, "0a25689e88a168e4dc96c278bdf41832abb01270052504193b138d037f37e400");
  expect(50, 20, 20, 50, "d784a13903126e1060d5d93efb0bfc2e59aa7f7b259b5ead1dcb59c222867118");
  expect(300, 7, 9, 7, "71015b0767b74c80f4b7863d6c6448b5217f14e3230a34394c0de0b09c5a0759");
  expect(5, 5, 5, 11, "663f8002ad305ad837149bad9749a97798e5cd4589ca1c34196f4e6ce97694c4");
}

TEST(GoldenImages, AreDecodedAsPillowDoes) {
  const auto expect = [](const char* name, const char* sum) {
    const RgbImage image = decode(name);
    EXPECT_EQ(image.height, 12) << name;
    EXPECT_EQ(image.width, 10) << name;
    EXPECT_EQ(sha256(image.pixels), sum) << name;
  };
  expect("rgb.jpg", "782ff11445f7d122e2100ecbc66da725b3e4dd68b5ba08f78c7a828b373e2773");
  expect("grey.jpg", "e84664ed34bc695e1f72a783749536105c9c81d22fd59e864de539c239a5f940");
  expect("cmyk.jpg", "3ac5760c899197960315558086aa8ff0559a5ca8f7652101fc598644d34b402e");
  expect("rgb.png", "5a543020cc9059b94901aff746358c1c78347cd0f03039fbadf502b8e0361a0b");
  expect("palette.png", "4f2fc8d75463aabae6a24f2ea855e4704f3dcf378e57079a8ee3f7d5cc8c51e5");
}

TEST(GoldenImages, AreBlackWhereTheyAreTransparent) {
  RgbImage expected = pattern(12, 10);
  std::fill(expected.pixels.begin() + 6 * 10 * 3, expected.pixels.end(), std::uint8_t{0});
  EXPECT_EQ(decode("alpha.png"), expected);
}

TEST(GoldenImages, AreRefusedWhenCutShortOrDamaged) {
  for (const char* name : {"rgb.jpg", "grey.jpg", "cmyk.jpg", "rgb.png", "palette.png"}) {
    const auto whole = read_file(folder / name, 1 << 20);
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{3}, std::size_t{20}, whole.size() / 2, whole.size() - 20}) {
      const std::string message =
          message_of<InputError>([&] { decode_image(std::span(whole).first(length), "FILE"); });
      EXPECT_TRUE(message.starts_with("FILE: ")) << name << " " << length << ": " << message;
    }
  }
  auto damaged = read_file(folder / "rgb.png", 1 << 20);
  damaged[damaged.size() / 2] ^= std::byte{0x55};
  EXPECT_NE(message_of<InputError>([&] { decode_image(damaged, "FILE"); }).find("FILE: bad PNG"),
            std::string::npos);
}

TEST(GoldenSvhn, IsReadAsScipyWroteIt) {
  for (const char* name : {"svhn.mat", "svhn-double-labels.mat"}) {
    const Dataset data = load_svhn(folder / name, "train");
    EXPECT_EQ(data.labels(), (std::vector<int>{0, 1, 9}));
    EXPECT_EQ(data.image_shape(), (Shape{3, 32, 32}));
    std::vector<std::uint8_t> all;
    for (Index i = 0; i < data.size(); ++i)
      for (const std::uint8_t p : data.pixels(i)) all.push_back(p);
    EXPECT_EQ(sha256(all), "22dc8017c587a9058b208f769ec814a38f1c9f081e3afa0856cfb5dc4d8a380e") << name;
    EXPECT_EQ(data.images().black(2), -1);
  }
}

TEST(GoldenSvhn, IsFoundInItsFolder) {
  const ScratchFolder scratch;
  scratch.write("extra_32x32.mat", content_of(folder / "svhn.mat"));
  const std::string spec = "svhn:" + scratch.path().string() + ",train=extra";
  EXPECT_EQ(load_dataset(spec, "train", 0).size(), 3);
  EXPECT_NE(message_of<InputError>([&] { load_dataset(spec, "test", 0); }).find("test_32x32.mat: no such"),
            std::string::npos);
  EXPECT_THROW(load_dataset("svhn:x,train=both", "train", 0), UsageError);
}

TEST(GoldenSvhn, IsRefusedWithOtherContent) {
  const auto refusal = [](const std::string& name) {
    return message_of<InputError>([&] { load_svhn(folder / name, "train"); });
  };
  EXPECT_NE(refusal("svhn-no-labels.mat").find("no variable y"), std::string::npos);
  EXPECT_NE(refusal("svhn-double-images.mat").find("X is not an array of 8-bit"), std::string::npos);
  EXPECT_NE(refusal("svhn-label-11.mat").find("image 1 has label 11"), std::string::npos);
  EXPECT_NE(refusal("svhn-two-labels.mat").find("column of 3"), std::string::npos);
  EXPECT_NE(refusal("rgb.jpg").find("not a MATLAB file of version 5"), std::string::npos);
  EXPECT_NE(refusal("none.mat").find("no such file"), std::string::npos);
}

TEST(GoldenSvhn, IsRefusedWhenCutShort) {
  const ScratchFolder scratch;
  const std::string whole = content_of(folder / "svhn.mat");
  for (const std::size_t length : {std::size_t{0}, std::size_t{60}, std::size_t{130}, std::size_t{300},
                                   whole.size() / 2, whole.size() - 30}) {
    scratch.write("train_32x32.mat", whole.substr(0, length));
    const std::string message = message_of<InputError>([&] { load_svhn(scratch.path(), "train"); });
    EXPECT_NE(message.find("train_32x32.mat: "), std::string::npos) << length << ": " << message;
  }
}

TEST(GoldenNpy, IsReadAsNumPyWroteIt) {
  const auto parse = [](const std::string& name) {
    return parse_npy(read_file(folder / name, 1 << 20), name);
  };
  const NpyArray bytes = parse("u1.npy");
  EXPECT_EQ(bytes.shape, (Shape{2, 3, 4}));
  EXPECT_EQ(bytes.type, "u1");
  ASSERT_EQ(bytes.values.size(), 24u);
  EXPECT_EQ(bytes.values[23], std::byte{23});
  EXPECT_EQ(parse("f4.npy").type, "f4");
  EXPECT_EQ(parse("i8.npy").shape, (Shape{2}));
  EXPECT_EQ(parse("fortran.npy").shape, (Shape{3, 4}));
  EXPECT_NE(message_of<InputError>([&] { parse("big-endian.npy"); }).find("type >i4"), std::string::npos);
}

TEST(GoldenNpy, MakesDataSets) {
  const ScratchFolder scratch;
  scratch.write("train_images.npy", content_of(folder / "u1.npy"));
  scratch.write("train_labels.npy", content_of(folder / "i8.npy"));
  scratch.write("test_images.npy", content_of(folder / "f4.npy"));
  scratch.write("test_labels.npy", content_of(folder / "i8.npy"));
  const std::string spec = "npy:" + scratch.path().string() + ",classes=4";
  const Dataset train = load_dataset(spec, "train", 0), test = load_dataset(spec, "test", 0);
  EXPECT_EQ(train.image_shape(), (Shape{1, 3, 4}));
  EXPECT_EQ(train.labels(), (std::vector<int>{3, 1}));
  EXPECT_EQ(train.classes(), 4);
  EXPECT_EQ(train.pixels(1)[11], 23);
  std::vector<float> values(12);
  test.images().values(1, values);
  EXPECT_EQ(values.back(), 1.0f);
  EXPECT_EQ(test.pixels(0).front(), 0);
  EXPECT_EQ(test.pixels(0).back(), 255);
  EXPECT_NE(train.fingerprint(), test.fingerprint());
  EXPECT_NE(message_of<InputError>([&] {
              load_dataset("npy:" + scratch.path().string() + ",classes=3", "train", 0);
            }).find("label of image 0 is 3"),
            std::string::npos);
}

TEST(GoldenNpz, IsReadAsNumPyWroteIt) {
  const std::string stored = "npz:" + (folder / "stored.npz").string(),
                    deflated = "npz:" + (folder / "deflated.npz").string();
  constexpr const char* sum = "c26792a7bea6688ac90bc961343be779650a85c0aa094bb7705a9eaffe672801";
  const auto all_pixels = [](const Dataset& data) {
    std::vector<std::uint8_t> out;
    for (Index i = 0; i < data.size(); ++i) std::ranges::copy(data.pixels(i), std::back_inserter(out));
    return out;
  };
  const Dataset train = load_dataset(stored, "train", 0), test = load_dataset(stored, "test", 0);
  EXPECT_EQ(train.image_shape(), (Shape{3, 4, 5}));
  EXPECT_EQ(sha256(all_pixels(train)), sum);
  EXPECT_EQ(train.labels(), (std::vector<int>{2, 0, 1}));
  EXPECT_EQ(test.pixels(0), train.pixels(0));
  EXPECT_EQ(test.labels(), std::vector<int>{1});
  // [n, h, w, c] by columns.
  const Dataset images = load_dataset(deflated + ",layout=nhwc,norm=unit", "test", 0);
  EXPECT_EQ(sha256(all_pixels(images)), sum);
  EXPECT_FALSE(images.labelled());
  const Dataset floats = load_dataset(deflated + ",images=floats", "test", 0);
  EXPECT_EQ(floats.image_shape(), (Shape{1, 4, 5}));
  const Index last = 2;
  const auto red = floats.batch(std::span(&last, 1)).x.data;
  for (std::size_t i = 0; i < red.size(); ++i)
    EXPECT_EQ(red[i], static_cast<float>(images.pixels(last)[i] / 255.0)) << i;
}

}  // namespace
}  // namespace gradzone
