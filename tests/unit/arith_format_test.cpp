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
    EXPECT_NE(std::string(error.what()).find("fp16-strict"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace gradzone
