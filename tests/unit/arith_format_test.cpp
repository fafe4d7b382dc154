// Names of formats and orders.
#include <gtest/gtest.h>

#include "gradzone/arith/format.hpp"
#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

TEST(FormatNames, read_back_what_they_write) {
  for (const FormatId id : all_formats)
    for (const Order order : all_orders) {
      const Format format{id, order};
      EXPECT_EQ(parse_format(full_name(format)), format) << full_name(format);
    }
}

TEST(FormatNames, stand_for_order_chain_alone) {
  EXPECT_EQ(parse_format("fp16-strict"), (Format{FormatId::fp16_strict, Order::chain}));
  EXPECT_EQ(full_name(parse_format("bf16/bias-first")), "bf16/bias-first");
}

TEST(FormatNames, of_tensor_cores_have_no_order) {
  EXPECT_EQ(parse_format("fp16-tc"), (Format{FormatId::fp16, Order::tensor_cores}));
  EXPECT_EQ(parse_format("tf32-tc"), (Format{FormatId::fp32, Order::tensor_cores}));
  for (const char* text : {"fp16-tc", "bf16-tc", "tf32-tc"}) EXPECT_EQ(full_name(parse_format(text)), text);
  for (const char* text : {"fp16-tc/chain", "fp16/tensor-cores", "fp32-tc", "fp64-tc", "fp16-strict-tc"})
    EXPECT_THROW(parse_format(text), UsageError) << text;
}

TEST(FormatNames, of_tensor_cores_state_no_order) {
  EXPECT_EQ(require_stated(parse_formats("fp16,fp32/pairwise")), parse_formats("fp16,fp32/pairwise"));
  EXPECT_THROW(require_stated(parse_formats("fp16,bf16-tc")), UsageError);
  EXPECT_THROW(refuse_without_card("bf16-tc"), UsageError);
}

TEST(FormatNames, are_listed_with_commas) {
  const std::vector<Format> formats = parse_formats("fp32,fp16/pairwise,fp32/lanes16");
  ASSERT_EQ(formats.size(), 3u);
  EXPECT_EQ(formats[1], (Format{FormatId::fp16, Order::pairwise}));
  EXPECT_EQ(formats[2], (Format{FormatId::fp32, Order::lanes16}));
}

TEST(FormatNames, that_do_not_exist_are_refused_with_those_that_do) {
  for (const char* text : {"", "fp8", "FP32", "fp32/", "fp32/random", "fp32/chain/chain", "fp32 "}) {
    EXPECT_THROW(parse_format(text), UsageError) << '"' << text << '"';
  }
  for (const char* text : {"", "fp32,", ",fp32", "fp32,fp32", "fp32,fp32/chain"}) {
    EXPECT_THROW(parse_formats(text), UsageError) << '"' << text << '"';
  }
  try {
    parse_format("half");
    FAIL();
  } catch (const UsageError& error) {
    for (const char* known : {"fp16-strict", "tf32-tc"})
      EXPECT_NE(std::string(error.what()).find(known), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace gradzone
