#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <array>
#include <thread>

#include "gradzone/base/error.hpp"
#include "gradzone/data/augment.hpp"
#include "gradzone/data/glyphs.hpp"
#include "gradzone/data/loader.hpp"

namespace gradzone {
namespace {

/// Image i of n has the label i % 7 and pixels that name it.
Dataset numbered(int n, Shape shape = {1, 1, 1}) {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  for (int i = 0; i < n; ++i) {
    labels.push_back(i % 7);
    for (Index p = 0; p < element_count(shape); ++p) pixels.push_back(static_cast<std::uint8_t>(i + p));
  }
  return Dataset("numbered", std::move(shape), 7, std::move(pixels), std::move(labels),
                 symmetric_unit_transform());
}

using Batches = std::vector<LoadedBatch>;

Batches load(const Dataset& data, const LoaderOptions& options, int count, Index epoch = 0, Index step = 0) {
  BatchLoader loader(data, options);
  loader.seek(epoch, step);
  Batches out;
  for (int k = 0; k < count; ++k) out.push_back(loader.next());
  return out;
}

void expect_same(const LoadedBatch& a, const LoadedBatch& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.x, b.x);
}

TEST(BatchLoader, ShowsEveryImageOnceAnEpoch) {
  const Dataset data = numbered(50);
  const Batches batches = load(data, {.batch = 8, .seed = 3}, 14);
  std::vector<float> expected;
  for (int i = 0; i < 50; ++i) expected.push_back(symmetric_unit_transform()[static_cast<std::size_t>(i)]);
  std::vector<float> orders[2];
  for (std::size_t k = 0; k < batches.size(); ++k) {
    const LoadedBatch& b = batches[k];
    EXPECT_EQ(b.epoch, static_cast<Index>(k / 7));
    EXPECT_EQ(b.step, static_cast<Index>(k % 7));
    EXPECT_EQ(b.x.dim(0), k % 7 == 6 ? 2 : 8);
    for (std::size_t i = 0; i < b.labels.size(); ++i) {
      orders[k / 7].push_back(b.x.data[i]);
      const auto image = std::find(expected.begin(), expected.end(), b.x.data[i]) - expected.begin();
      EXPECT_EQ(b.labels[i], image % 7);
    }
  }
  EXPECT_NE(orders[0], orders[1]) << "the second epoch is not shuffled anew";
  for (auto& order : orders) {
    EXPECT_NE(order, expected);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, expected);
  }
}

TEST(BatchLoader, KeepsFileOrderUnshuffled) {
  const Batches batches = load(numbered(5), {.batch = 3, .shuffle = false}, 3);
  EXPECT_EQ(batches[0].labels, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(batches[1].labels, (std::vector<int>{3, 4}));
  EXPECT_EQ(batches[2].labels, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(batches[2].epoch, 1);
}

TEST(BatchLoader, ContinuesAnywhereWithTheSameBytes) {
  const Dataset data = draw_glyphs(40, "train", 1);
  const LoaderOptions options{.batch = 16, .augmentation = Augmentation::crop_flip, .seed = 5};
  const Batches whole = load(data, options, 9);
  for (std::size_t k = 0; k < whole.size(); ++k) {
    const auto at = static_cast<Index>(k);
    expect_same(load(data, options, 1, at / 3, at % 3)[0], whole[k]);
  }
  BatchLoader loader(data, options);
  loader.next();
  loader.seek(2, 1);
  expect_same(loader.next(), whole[7]);
  loader.seek(0, 2);
  expect_same(loader.next(), whole[2]);
  expect_same(loader.next(), whole[3]);
}

TEST(BatchLoader, DoesNotDependOnThreadsOrTiming) {
  const Dataset data = draw_glyphs(40, "train", 1);
  const LoaderOptions options{.batch = 16, .augmentation = Augmentation::crop_flip, .seed = 5};
  const Batches whole = load(data, options, 9);
  for (const std::size_t threads : {1, 3}) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    BatchLoader loader(data, options);
    for (const LoadedBatch& expected : whole) {
      std::this_thread::sleep_for(std::chrono::milliseconds(threads));
      expect_same(loader.next(), expected);
    }
  }
}

TEST(BatchLoader, AugmentsAnewInEveryEpochAndForEverySeed) {
  const Dataset data = draw_glyphs(16, "train", 1);
  LoaderOptions options{.batch = 16, .shuffle = false, .augmentation = Augmentation::crop_flip, .seed = 5};
  const Batches a = load(data, options, 2);
  EXPECT_NE(a[0].x, a[1].x);
  EXPECT_EQ(a[0].labels, a[1].labels);
  options.seed = 6;
  EXPECT_NE(load(data, options, 1)[0].x, a[0].x);
}

TEST(BatchLoader, CropsAndMirrorsAsTheStreamSays) {
  const Dataset data = numbered(3, {2, 3, 5});
  const LoaderOptions options{
      .batch = 3, .shuffle = false, .augmentation = Augmentation::crop_flip, .seed = 9};
  const LoadedBatch batch = load(data, options, 1, 4)[0];
  for (Index i = 0; i < 3; ++i) {
    RandomStream random(9, "augment", static_cast<std::uint64_t>(4 * 3 + i));
    const auto top = static_cast<Index>(random.below(9)), left = static_cast<Index>(random.below(9));
    const bool flip = random.below(2) == 1;
    for (Index c = 0; c < 2; ++c)
      for (Index row = 0; row < 3; ++row)
        for (Index column = 0; column < 5; ++column) {
          const Index from_row = row + top - 4, from_column = (flip ? 4 - column : column) + left - 4;
          const bool inside = from_row >= 0 && from_row < 3 && from_column >= 0 && from_column < 5;
          const Index pixel = inside ? i + (c * 3 + from_row) * 5 + from_column : 0;
          EXPECT_EQ(batch.x[((i * 2 + c) * 3 + row) * 5 + column],
                    symmetric_unit_transform()[static_cast<std::size_t>(pixel)]);
        }
  }
}

/// Cannot read image 5.
class Broken final : public ImageSource {
 public:
  void values(Index image, std::span<float> out) const override {
    if (image == 5) throw InputError("image 5 is broken");
    std::fill(out.begin(), out.end(), static_cast<float>(image));
  }
  std::vector<std::uint8_t> pixels(Index) const override { return {0}; }
  float black(Index) const override { return 0; }
  bool decodes() const override { return true; }
  void hash_transform(Sha256&) const override {}
  void hash_images(Sha256&) const override {}
};

TEST(BatchLoader, HandsOnTheErrorsOfReadingInTheirPlace) {
  const Dataset data("broken", {1, 1, 1}, 1, std::vector<int>(8, 0), std::make_shared<Broken>());
  BatchLoader loader(data, {.batch = 2, .shuffle = false});
  EXPECT_EQ(loader.next().x.data, (std::vector<float>{0, 1}));
  EXPECT_EQ(loader.next().x.data, (std::vector<float>{2, 3}));
  EXPECT_THROW(loader.next(), InputError);
  EXPECT_THROW(loader.next(), InputError);
  loader.seek(0, 3);
  EXPECT_EQ(loader.next().x.data, (std::vector<float>{6, 7}));
}

TEST(BatchLoader, RefusesWhatCannotBe) {
  const Dataset data = numbered(3);
  EXPECT_THROW(BatchLoader(data, {.batch = 0}), UsageError);
  BatchLoader loader(data, {.augmentation = Augmentation::resized_crop});
  EXPECT_THROW(loader.next(), UsageError);
  EXPECT_THROW(parse_augmentation("crop"), UsageError);
  for (const auto a : {Augmentation::none, Augmentation::crop_flip, Augmentation::resized_crop})
    EXPECT_EQ(parse_augmentation(name(a)), a);
}

TEST(CropFlip, MovesAnImageUnderABlackBorder) {
  const std::vector<float> image{1, 2, 3,  //
                                 4, 5, 6};
  const std::vector<float> border{-1};
  const auto cropped = [&](CropFlip crop) {
    std::vector<float> out(6);
    crop_flip({1, 2, 3}, image, border, crop, out);
    return out;
  };
  EXPECT_EQ(cropped({4, 4, false}), image);
  EXPECT_EQ(cropped({4, 4, true}), (std::vector<float>{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(cropped({5, 3, false}), (std::vector<float>{-1, 4, 5, -1, -1, -1}));
  EXPECT_EQ(cropped({3, 6, false}), (std::vector<float>{-1, -1, -1, 3, -1, -1}));
  EXPECT_EQ(cropped({3, 6, true}), (std::vector<float>{-1, -1, -1, -1, -1, 3}));
  EXPECT_EQ(cropped({0, 0, false}), std::vector<float>(6, -1));
  EXPECT_EQ(cropped({8, 8, true}), std::vector<float>(6, -1));
}

TEST(CropFlip, DrawsEveryWindowAndBothSides) {
  RandomStream random(1, "test");
  std::array<int, 9> top{}, left{};
  int flips = 0;
  for (int i = 0; i < 9000; ++i) {
    const CropFlip crop = draw_crop_flip(random);
    ++top.at(static_cast<std::size_t>(crop.top));
    ++left.at(static_cast<std::size_t>(crop.left));
    flips += crop.flip;
  }
  for (const int n : top) EXPECT_NEAR(n, 1000, 150);
  for (const int n : left) EXPECT_NEAR(n, 1000, 150);
  EXPECT_NEAR(flips, 4500, 250);
}

}  // namespace
}  // namespace gradzone
