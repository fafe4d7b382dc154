#include <gtest/gtest.h>

#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/data/array_dataset.hpp"
#include "gradzone/data/loader.hpp"
#include "support/npy_files.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

using support::bytes_of;
using support::message_of;
using support::npy_of;
using support::ScratchFolder;
using support::zip_of;

class Arrays : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return (folder.path() / name).string(); }
  std::string refusal(const std::string& spec, const std::string& split = "test") const {
    return message_of<Error>([&] { load_dataset(spec, split, 0); });
  }
  void expect_refused(const std::string& spec, const std::string& part) const {
    const std::string message = refusal(spec);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  static std::vector<double> values(const Dataset& data, Index image) {
    return data.batch(std::span(&image, 1)).x.data;
  }

  const ScratchFolder folder;
  const std::string four_bytes = npy_of("|u1", "(2, 1, 1, 2)", std::string("\x00\xFF\x33\x66", 4));
};

TEST_F(Arrays, FoldersNameTheFileThatIsWrong) {
  const auto wrong = [&] { return refusal("npy:" + folder.path().string(), "train"); };
  const std::string two = npy_of("|u1", "(2,)", "ab");
  EXPECT_NE(wrong().find("train_images.npy"), std::string::npos);
  folder.write("train_images.npy", two);
  EXPECT_NE(wrong().find("train_labels.npy"), std::string::npos);
  folder.write("train_labels.npy", two);
  EXPECT_NE(wrong().find("train_images.npy: images have shape [n, h, w]"), std::string::npos) << wrong();
  folder.write("train_images.npy", npy_of("|u1", "(3, 1, 1)", "abc"));
  EXPECT_NE(wrong().find("train_labels.npy: shape [2], but there are 3 images"), std::string::npos)
      << wrong();
}

TEST_F(Arrays, AFileOfImagesHasLabelsOrNone) {
  folder.write("x.npy", four_bytes);
  folder.write("y.npy", npy_of("<i8", "(2, 1)", bytes_of<std::int64_t>({4, 0})));
  const Dataset data = load_dataset("npy:" + at("x.npy") + ",labels=" + at("y.npy"), "test", 0);
  EXPECT_EQ(data.labels(), (std::vector<int>{4, 0}));
  EXPECT_EQ(data.classes(), 5);
  const Dataset bare = load_dataset("npy:" + at("x.npy"), "test", 0);
  EXPECT_FALSE(bare.labelled());
  EXPECT_EQ(bare.size(), 2);
  EXPECT_EQ(bare.classes(), 0);
  EXPECT_EQ(values(bare, 0), (std::vector<double>{-1, 1}));
  EXPECT_TRUE(bare.batch(std::vector<Index>{0, 1}).labels.empty());
  EXPECT_NE(bare.fingerprint(), data.fingerprint());
  expect_refused("npy:" + at("x.npy") + ",classes=5", "no labels");
  expect_refused("npy:" + at("none.npy"), "none.npy: cannot open");
  expect_refused("npy:" + at("x.npy") + ",labels=" + at("y.npy") + ",classes=4", "label of image 0 is 4");
}

TEST_F(Arrays, LabelsAreIntegersInTheirClasses) {
  folder.write("x.npy", four_bytes);
  const auto with_labels = [&](const std::string& type, const std::string& shape, const std::string& bytes) {
    folder.write("y.npy", npy_of(type, shape, bytes));
    return refusal("npy:" + at("x.npy") + ",labels=" + at("y.npy"));
  };
  EXPECT_NE(with_labels("<f4", "(2,)", bytes_of<float>({0, 1})).find("type f4 are no labels"),
            std::string::npos);
  EXPECT_NE(with_labels("|u1", "(2, 2)", "abcd").find("each has one label"), std::string::npos);
  EXPECT_NE(with_labels("<i4", "(2,)", bytes_of<int>({0, -1})).find("label of image 1 is -1"),
            std::string::npos);
  EXPECT_NE(with_labels("<i4", "(2,)", bytes_of<int>({0, std::numeric_limits<int>::max()}))
                .find("label of image 1 is 2147483647"),
            std::string::npos);
}

TEST_F(Arrays, EightBitImagesComeUnderAStatedTransform) {
  folder.write("x.npy", four_bytes);
  const auto first = [&](const std::string& options) {
    return values(load_dataset("npy:" + at("x.npy") + options, "test", 0), 1)[0];
  };
  EXPECT_EQ(first(""), (0x33 / 255.0f - 0.5f) / 0.5f);
  EXPECT_EQ(first(",norm=symmetric"), first(""));
  EXPECT_EQ(first(",norm=unit"), 0x33 / 255.0f);
  EXPECT_EQ(first(",mean=0.1307,std=0.3081"), (0x33 / 255.0f - 0.1307f) / 0.3081f);
  const std::string spec = "npy:" + at("x.npy");
  expect_refused(spec + ",norm=imagenet", "for 3 channels, but images have 1");
  expect_refused(spec + ",norm=other", "imagenet, cifar, symmetric and unit");
  expect_refused(spec + ",mean=0.5", "come together");
  expect_refused(spec + ",norm=unit,mean=0.5,std=0.5", "not both");
  expect_refused(spec + ",mean=0/0,std=1", "mean=0/0 has 2 numbers");
  for (const char* deviation : {"0", "-1", "nan", "inf", "x", "", "1/", "1e99"})
    expect_refused(spec + ",mean=0,std=" + deviation, std::string("std=") + deviation);
  expect_refused(spec + ",colour=1",
                 "it has no option colour; there are labels, classes, layout, norm, mean, std");
  expect_refused(spec + ",norm=unit,norm=unit", "option norm twice");
  folder.write("rgb.npy", npy_of("|u1", "(1, 3, 1, 1)", "\x11\x22\x33"));
  const Dataset rgb = load_dataset("npy:" + at("rgb.npy") + ",norm=imagenet", "test", 0);
  EXPECT_EQ(values(rgb, 0),
            (std::vector<double>{(0x11 / 255.0f - 0.485f) / 0.229f, (0x22 / 255.0f - 0.456f) / 0.224f,
                                 (0x33 / 255.0f - 0.406f) / 0.225f}));
}

TEST_F(Arrays, FloatsAreTheInputInBinary32) {
  const double third = 1.0 / 3;
  folder.write("f4.npy", npy_of("<f4", "(1, 1, 3)", bytes_of<float>({-0.25f, 3e38f, 1e-45f})));
  folder.write("f8.npy", npy_of("<f8", "(1, 1, 2)", bytes_of<double>({third, -2})));
  folder.write("f2.npy",
               npy_of("<f2", "(1, 1, 5)", bytes_of<std::uint16_t>({0x3C00, 0xC100, 0x0001, 0x7BFF, 0x8000})));
  const auto all = [&](const std::string& name) {
    return values(load_dataset("npy:" + at(name), "test", 0), 0);
  };
  EXPECT_EQ(all("f4.npy"), (std::vector<double>{-0.25, 3e38f, 1e-45f}));
  EXPECT_EQ(all("f8.npy"), (std::vector<double>{static_cast<float>(third), -2}));
  EXPECT_EQ(all("f2.npy"), (std::vector<double>{1, -2.5, 0x1p-24, 65504, -0.0}));
  expect_refused("npy:" + at("f4.npy") + ",norm=unit", "for 8-bit images");
  folder.write("i4.npy", npy_of("<i4", "(1, 1, 1)", "abcd"));
  expect_refused("npy:" + at("i4.npy"), "u1, f2, f4 or f8, not i4");
}

TEST_F(Arrays, NamesTheImageAndEntryThatIsNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto with = [&](const std::string& type, const std::string& bytes) {
    folder.write("x.npy", npy_of(type, "(2, 1, 2)", bytes));
    return refusal("npy:" + at("x.npy"));
  };
  EXPECT_NE(with("<f4", bytes_of<float>({0, 0, 0, std::numeric_limits<float>::quiet_NaN()}))
                .find("image 1, entry 1 is nan"),
            std::string::npos);
  EXPECT_NE(with("<f8", bytes_of<double>({0, 1e39, 0, 0})).find("image 0, entry 1 is 1e+39"),
            std::string::npos);
  EXPECT_NE(with("<f8", bytes_of<double>({0, 0, -infinity, 0})).find("image 1, entry 0 is -inf"),
            std::string::npos);
  EXPECT_NE(with("<f2", bytes_of<std::uint16_t>({0, 0x7C00, 0, 0})).find("entry 1 is inf"),
            std::string::npos);
  EXPECT_NE(with("<f2", bytes_of<std::uint16_t>({0, 0x7C01, 0, 0})).find("entry 1 is nan"),
            std::string::npos);
}

TEST_F(Arrays, ChannelsLastMustBeStated) {
  std::string bytes;
  for (char i = 0; i < 2 * 4 * 5 * 3; ++i) bytes += i;
  folder.write("x.npy", npy_of("|u1", "(2, 4, 5, 3)", bytes));
  const std::string spec = "npy:" + at("x.npy");
  expect_refused(spec, "[2, 4, 5, 3] looks like [n, h, w, c]: add ,layout=nhwc");
  expect_refused(spec + ",layout=chw", "nchw or nhwc");
  EXPECT_EQ(load_dataset(spec + ",layout=nchw", "test", 0).image_shape(), (Shape{4, 5, 3}));
  const Dataset data = load_dataset(spec + ",layout=nhwc", "test", 0);
  EXPECT_EQ(data.image_shape(), (Shape{3, 4, 5}));
  const auto pixels = data.pixels(1);
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(pixels[c * 20 + i], 60 + 3 * i + c);
  folder.write("small.npy", npy_of("|u1", "(1, 3, 1, 3)", "abcdefghi"));
  EXPECT_EQ(load_dataset("npy:" + at("small.npy"), "test", 0).image_shape(), (Shape{3, 1, 3}));
}

TEST_F(Arrays, VectorsAreForNetworksThatTakeThem) {
  folder.write("x.npy", npy_of("<f4", "(2, 3)", bytes_of<float>({1, 2, 3, 4, 5, 6})));
  folder.write("y.npy", npy_of("|u1", "(2,)", std::string("\1\0", 2)));
  const Dataset data = load_dataset("npy:" + at("x.npy") + ",labels=" + at("y.npy"), "test", 0);
  EXPECT_EQ(data.image_shape(), Shape{3});
  EXPECT_EQ(data.batch(std::vector<Index>{1, 0}).x, Tensor<double>({2, 3}, {4, 5, 6, 1, 2, 3}));
  GraphBuilder net("linear", {3});
  net.then("fc", Linear{3, 2});
  EXPECT_NO_THROW(check_data_fits(net.build(Loss::cross_entropy), data));
  EXPECT_EQ(BatchLoader(data, {.batch = 2, .shuffle = false}).next().x.shape, (Shape{2, 3}));
  EXPECT_THROW(BatchLoader(data, {.augmentation = Augmentation::crop_flip}), UsageError);
}

/// The only array, or the names that people give.
TEST_F(Arrays, FindsTheUsualNamesInANpz) {
  const auto image = [](char value) { return npy_of("|u1", "(1, 1, 1)", std::string(1, value)); };
  const auto label = [](char value) { return npy_of("|u1", "(1,)", std::string(1, value)); };
  const std::vector<std::vector<std::string>> names{
      {"x_train", "y_train", "x_test", "y_test"},
      {"X_train", "y_train", "X_test", "y_test"},
      {"train_images", "train_labels", "test_images", "test_labels"}};
  for (const auto& n : names) {
    folder.write("f.npz", zip_of({{n[0] + ".npy", image(1)},
                                  {n[1] + ".npy", label(2)},
                                  {n[2] + ".npy", image(3)},
                                  {n[3] + ".npy", label(4)}}));
    for (const auto& [split, pixel] : {std::pair{"train", 1}, {"test", 3}}) {
      const Dataset data = load_dataset("npz:" + at("f.npz"), split, 0);
      EXPECT_EQ(data.pixels(0)[0], pixel) << n[0];
      EXPECT_EQ(data.labels(), std::vector<int>{pixel + 1}) << n[0];
    }
  }
  for (const auto& [x, y] : {std::pair{"x", "y"}, {"X", "y"}, {"images", "labels"}, {"arr_0", "arr_1"}}) {
    folder.write("f.npz", zip_of({{std::string(y) + ".npy", label(7)}, {std::string(x) + ".npy", image(6)}}));
    EXPECT_EQ(load_dataset("npz:" + at("f.npz"), "train", 0).labels(), std::vector<int>{7}) << x;
    folder.write("f.npz", zip_of({{std::string(x) + ".npy", image(6)}}));
    EXPECT_FALSE(load_dataset("npz:" + at("f.npz"), "train", 0).labelled()) << x;
  }
}

TEST_F(Arrays, KeysOfANpzCanBeNamed) {
  const std::string image = npy_of("|u1", "(1, 1, 1)", "a"), label = npy_of("|u1", "(1,)", "\3");
  folder.write("f.npz", zip_of({{"p.npy", image}, {"t.npy", label}}));
  const std::string spec = "npz:" + at("f.npz");
  expect_refused(spec, "add ,images=KEY and, if there are labels, ,labels=KEY; there are: p, t");
  EXPECT_EQ(load_dataset(spec + ",images=p,labels=t", "test", 0).labels(), std::vector<int>{3});
  EXPECT_FALSE(load_dataset(spec + ",images=p", "test", 0).labelled());
  expect_refused(spec + ",images=q", "f.npz: it holds no array q; there are: p, t");
  expect_refused(spec + ",images=t", "f.npz: t: images have shape");
  folder.write("only.npz", zip_of({{"anything.npy", image}}));
  EXPECT_EQ(load_dataset("npz:" + at("only.npz"), "test", 0).size(), 1);
  expect_refused("npz:" + at("none.npz"), "none.npz: cannot open");
}

}  // namespace
}  // namespace gradzone
