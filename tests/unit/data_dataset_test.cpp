#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/data/glyphs.hpp"

namespace gradzone {
namespace {

Dataset tiny() {
  return Dataset("tiny", {1, 1, 2}, 3, {0, 255, 1, 2, 128, 127}, {2, 0, 1}, symmetric_unit_transform());
}

TEST(SymmetricUnitTransform, RoundsEachOperationToBinary32) {
  const PixelTransform& t = symmetric_unit_transform();
  EXPECT_EQ(t[0], -1.0);
  EXPECT_EQ(t[255], 1.0);
  for (int i = 0; i < 256; ++i) {
    const volatile float unit = static_cast<float>(i) / 255.0f;
    const volatile float centred = unit - 0.5f;
    const volatile float scaled = centred / 0.5f;
    EXPECT_EQ(t[static_cast<std::size_t>(i)], static_cast<double>(scaled)) << i;
  }
  // Two of them by hand: 1/255 and 2/255 are not binary32 numbers, and their rounding shows.
  EXPECT_EQ(t[1], static_cast<double>(-0.9921568632125854f));
  EXPECT_EQ(t[2], static_cast<double>(-0.9843137264251709f));
}

TEST(Dataset, GathersTransformedMiniBatches) {
  const Dataset data = tiny();
  const MiniBatch batch = data.batch(std::vector<Index>{2, 0});
  EXPECT_EQ(batch.x.shape, (Shape{2, 1, 1, 2}));
  EXPECT_EQ(batch.labels, (std::vector<int>{1, 2}));
  const auto& t = symmetric_unit_transform();
  EXPECT_EQ(batch.x.data, (std::vector<double>{t[128], t[127], t[0], t[255]}));
  EXPECT_EQ(batch.x, round_to_format(batch, FormatId::fp32).x);
  EXPECT_EQ(data.pixels(1)[0], 1);
  EXPECT_EQ(data.pixels(1).size(), 2u);
}

TEST(Dataset, RefusesPartsThatDoNotFitTogether) {
  const auto& t = symmetric_unit_transform();
  EXPECT_THROW(Dataset("x", {1, 1, 2}, 3, {0, 1, 2}, {0}, t), InputError);
  EXPECT_THROW(Dataset("x", {1, 1, 2}, 3, {}, {}, t), InputError);
  EXPECT_THROW(Dataset("x", {1, 1, 1}, 3, {0}, {3}, t), InputError);
  EXPECT_THROW(Dataset("x", {1, 1, 1}, 3, {0}, {-1}, t), InputError);
}

TEST(Dataset, FingerprintSeesEveryPart) {
  const std::string original = tiny().fingerprint();
  EXPECT_EQ(original.size(), 64u);
  EXPECT_EQ(original, tiny().fingerprint());
  const auto& t = symmetric_unit_transform();
  PixelTransform other = t;
  other[7] += 1;
  EXPECT_NE(original, Dataset("tiny", {1, 2, 1}, 3, {0, 255, 1, 2, 128, 127}, {2, 0, 1}, t).fingerprint());
  EXPECT_NE(original, Dataset("tiny", {1, 1, 2}, 3, {0, 255, 1, 2, 128, 126}, {2, 0, 1}, t).fingerprint());
  EXPECT_NE(original, Dataset("tiny", {1, 1, 2}, 3, {0, 255, 1, 2, 128, 127}, {2, 0, 0}, t).fingerprint());
  EXPECT_NE(original,
            Dataset("tiny", {1, 1, 2}, 3, {0, 255, 1, 2, 128, 127}, {2, 0, 1}, other).fingerprint());
}

TEST(LoadDataset, DrawsGlyphsByCount) {
  EXPECT_EQ(load_dataset("glyphs:7", "test", 1).size(), 7);
  EXPECT_EQ(load_dataset("glyphs", "test", 1).size(), usual_test_glyphs);
  EXPECT_EQ(load_dataset("glyphs:7", "test", 1).name(), "glyphs test");
}

TEST(LoadDataset, RefusesWhatDoesNotExist) {
  for (const char* spec : {"", "mnist", "mnist:", "glyphs:", "glyphs:0", "glyphs:-1", "glyphs:1x",
                           "glyphs:1000001", "glyphs:99999999999999999999", "glyphs7", "cifar11:x"}) {
    EXPECT_THROW(load_dataset(spec, "train", 0), UsageError) << spec;
  }
  EXPECT_THROW(load_dataset("glyphs:1", "validation", 0), UsageError);
  EXPECT_THROW(load_dataset("mnist:/no/such/folder", "train", 0), InputError);
}

TEST(SampleOrder, IsFileOrderOrASeededPermutation) {
  EXPECT_EQ(sample_order(4, false, 9), (std::vector<Index>{0, 1, 2, 3}));
  auto shuffled = sample_order(100, true, 9);
  EXPECT_EQ(shuffled, sample_order(100, true, 9));
  EXPECT_NE(shuffled, sample_order(100, true, 10));
  EXPECT_NE(shuffled, sample_order(100, false, 9));
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, sample_order(100, false, 9));
}

}  // namespace
}  // namespace gradzone
