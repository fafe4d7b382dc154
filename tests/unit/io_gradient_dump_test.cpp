#include <gtest/gtest.h>

#include "gradzone/base/error.hpp"
#include "gradzone/io/gradient_dump.hpp"

namespace gradzone {
namespace {

Graph small_net() {
  GraphBuilder net("small", {3});
  net.then("fc", Linear{3, 2});
  return net.build(Loss::cross_entropy);
}

Checkpoint file(const Shape& weight_shape) {
  Checkpoint out;
  out.tensors.push_back({"fc.weight", StoredType::bf16, Tensor<double>(weight_shape, {1, 2, 3, 4, 5, 6})});
  out.tensors.push_back({"fc.bias", StoredType::bf16, Tensor<double>({2}, {7, 8})});
  return out;
}

TEST(GradientDump, IsInTheGraphsOrderAndLayout) {
  Checkpoint reversed = file({2, 3});
  std::swap(reversed.tensors[0], reversed.tensors[1]);
  const GradientDump dump = gradient_dump(small_net(), reversed, {}, "here");
  ASSERT_EQ(dump.gradient.size(), 2u);
  EXPECT_EQ(dump.gradient[0].data, (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(dump.stored, StoredType::bf16);
  EXPECT_TRUE(dump.missing.empty() && dump.samples.empty() && !dump.batch && !dump.logits);
}

TEST(GradientDump, WeightsThatTheModelFileTransposesAreBroughtBack) {
  const DumpOptions options{false, {"fc.weight"}};
  const GradientDump dump = gradient_dump(small_net(), file({3, 2}), options, "here");
  EXPECT_EQ(dump.gradient[0].shape, (Shape{2, 3}));
  EXPECT_EQ(dump.gradient[0].data, (std::vector<double>{1, 3, 5, 2, 4, 6}));
  EXPECT_THROW(gradient_dump(small_net(), file({2, 3}), options, "here"), InputError);
}

TEST(GradientDump, MixedTypesHaveNone) {
  Checkpoint mixed = file({2, 3});
  mixed.tensors[1].stored = StoredType::f32;
  EXPECT_FALSE(gradient_dump(small_net(), mixed, {}, "here").stored);
  mixed.tensors[1].stored = StoredType::i64;
  EXPECT_THROW(gradient_dump(small_net(), mixed, {}, "here"), InputError);
}

TEST(GradientDump, SamplesAreNumbersAndRanges) {
  EXPECT_EQ(parse_samples("17", "x"), (std::vector<Index>{17}));
  EXPECT_EQ(parse_samples("0-3,7", "x"), (std::vector<Index>{0, 1, 2, 3, 7}));
  EXPECT_EQ(parse_samples("0-65535", "x").size(), 65536u);
  for (const char* text : {"", ",", "1,", "-1", "1-", "3-2", "1-2-3", "a", "0-65536", "0-65535,1",
                           "0-9223372036854775807", "99999999999999999999", "1 2"})
    EXPECT_THROW(parse_samples(text, "x"), UsageError) << text;
}

TEST(GradientDump, TypesNameFormats) {
  EXPECT_EQ(format_of(StoredType::f64), FormatId::fp64);
  EXPECT_EQ(format_of(StoredType::f32), FormatId::fp32);
  EXPECT_EQ(format_of(StoredType::f16), FormatId::fp16);
  EXPECT_EQ(format_of(StoredType::bf16), FormatId::bf16);
}

}  // namespace
}  // namespace gradzone
