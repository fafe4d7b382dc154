#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "gradzone/arith/rounding.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/io/safetensors.hpp"

namespace gradzone {
namespace {

std::vector<std::byte> file_with(std::uint64_t header_length, const std::string& header,
                                 const std::string& data = {}) {
  std::vector<std::byte> out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(header_length >> (8 * i)));
  for (const char c : header + data) out.push_back(static_cast<std::byte>(c));
  return out;
}

std::vector<std::byte> file_with(const std::string& header, const std::string& data = {}) {
  return file_with(header.size(), header, data);
}

/// A header with one tensor "w".
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

/// The message of the InputError that the file causes; the test fails if there is none or it has two lines.
std::string refusal(const std::vector<std::byte>& file) {
  try {
    parse_safetensors(file, "model.safetensors");
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("model.safetensors: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 500u) << message;
    return message;
  }
  ADD_FAILURE() << "the file was accepted";
  return {};
}

void expect_refused(const std::vector<std::byte>& file, const std::string& part) {
  const std::string message = refusal(file);
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(Safetensors, ReadsWhatThePublishedFormatSays) {
  const Checkpoint c = parse_safetensors(
      file_with(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[],"data_offsets":[4,8]},)"
                R"("a":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}   )",
                std::string("\x00\x3c\x01\x80\x00\x00\x20\xc1", 8)),
      "x");
  ASSERT_EQ(c.tensors.size(), 2u);
  EXPECT_EQ(c.tensors[0].name, "a");
  EXPECT_EQ(c.tensors[0].stored, StoredType::f16);
  EXPECT_EQ(c.tensors[0].values, Tensor<double>({1, 2}, std::vector<double>{1.0, -0x1p-24}));
  EXPECT_EQ(c.tensors[1].values, Tensor<double>({}, std::vector<double>{-10.0}));
  EXPECT_EQ(c.metadata.at("format"), "pt");
}

TEST(Safetensors, HoldsEveryHalfAndBfloatExactly) {
  for (const StoredType type : {StoredType::f16, StoredType::bf16}) {
    std::string data;
    for (int bits = 0; bits < 65536; ++bits) {
      data += static_cast<char>(bits & 0xFF);
      data += static_cast<char>(bits >> 8);
    }
    const auto file = file_with(one(std::string(name(type)), "[65536]", "[0,131072]"), data);
    const Checkpoint c = parse_safetensors(file, "x");
    for (int bits = 0; bits < 65536; ++bits) {
      const auto b = static_cast<std::uint16_t>(bits);
      const float expected = type == StoredType::f16 ? binary16_value(b) : bfloat16_value(b);
      const double got = c.tensors[0].values[bits];
      ASSERT_TRUE(got == static_cast<double>(expected) || (std::isnan(got) && std::isnan(expected))) << bits;
      ASSERT_EQ(std::signbit(got), std::signbit(expected)) << bits;
    }
    const Checkpoint again = parse_safetensors(safetensors_bytes(c), "x");
    for (int bits = 0; bits < 65536; ++bits) {
      const double a = c.tensors[0].values[bits];
      const double b = again.tensors[0].values[bits];
      ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << bits;
    }
  }
}

Checkpoint example() {
  Checkpoint c;
  const double inf = std::numeric_limits<double>::infinity();
  c.metadata = {{"network", "none"}, {"quote", "\"\n"}};
  c.tensors.push_back({"half", StoredType::f16, Tensor<double>({3}, {65504.0, -0x1p-24, inf})});
  c.tensors.push_back({"double", StoredType::f64, Tensor<double>({2, 1}, {0.1, 0x1p-1074})});
  c.tensors.push_back({"single", StoredType::f32, Tensor<double>({2}, {0x1.fffffep127, 0x1p-149})});
  c.tensors.push_back({"brain", StoredType::bf16, Tensor<double>({1}, -0x1.fep127)});
  c.tensors.push_back({"count", StoredType::i64, Tensor<double>(Shape{}, -12.0)});
  c.tensors.push_back({"none", StoredType::f32, Tensor<double>({0, 5})});
  return c;
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const Checkpoint c = example();
  const Checkpoint read = parse_safetensors(safetensors_bytes(c), "x");
  EXPECT_EQ(read.metadata, c.metadata);
  ASSERT_EQ(read.tensors.size(), c.tensors.size());
  for (const NamedTensor& t : c.tensors) {
    const auto it = std::find_if(read.tensors.begin(), read.tensors.end(),
                                 [&](const auto& r) { return r.name == t.name; });
    ASSERT_NE(it, read.tensors.end()) << t.name;
    EXPECT_EQ(it->stored, t.stored);
    EXPECT_EQ(it->values, t.values) << t.name;
  }
}

TEST(Safetensors, AlignsItsDataAndWritesTheSameBytesAgain) {
  const auto bytes = safetensors_bytes(example());
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i) length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  EXPECT_EQ(length % 8, 0u);
  EXPECT_EQ(safetensors_bytes(parse_safetensors(bytes, "x")), bytes);
}

TEST(Safetensors, RoundsToNearestEvenWhenTheStoredTypeIsNarrower) {
  Checkpoint c;
  c.tensors.push_back({"w", StoredType::f16, Tensor<double>({3}, {1 + 0x1p-11, 1 + 3 * 0x1p-11, 65520.0})});
  const Checkpoint read = parse_safetensors(safetensors_bytes(c), "x");
  EXPECT_EQ(read.tensors[0].values.data,
            (std::vector<double>{1.0, 1 + 0x1p-9, std::numeric_limits<double>::infinity()}));
}

TEST(Safetensors, RefusesHeadersThatAreNotThere) {
  expect_refused({}, "0 bytes");
  expect_refused(std::vector<std::byte>(7), "7 bytes");
  expect_refused(file_with(3, "{}"), "cut short");
  expect_refused(file_with(UINT64_MAX, "{}"), "at most");
  expect_refused(file_with((16u << 20) + 1, "{}"), "at most");
}

TEST(Safetensors, RefusesHeadersThatAreNotTheirJson) {
  expect_refused(file_with(""), "not JSON");
  expect_refused(file_with("{"), "not JSON");
  expect_refused(file_with("{} x"), "not JSON");
  expect_refused(file_with("{\"\xff\":1}"), "not JSON");
  expect_refused(file_with("[]"), "not a JSON object");
  expect_refused(file_with("7"), "not a JSON object");
  expect_refused(file_with(one("F32", "[1e999]", "[0,4]"), "abcd"), "out of range");
  expect_refused(file_with(std::string(100000, '[')), "too deep");
  expect_refused(file_with(R"({"w":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", "abcd"),
                 "too deep");
  expect_refused(file_with(R"({"w":7})"), "needs dtype");
  expect_refused(file_with(R"({"w":{"dtype":"F32","shape":[1]}})"), "needs dtype");
  expect_refused(file_with(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}})", "abcd"),
                 "nothing else");
  expect_refused(file_with(R"({"__metadata__":[]})"), "metadata");
  expect_refused(file_with(R"({"__metadata__":{"a":1}})"), "not a string");
}

TEST(Safetensors, RefusesRepeatedNames) {
  const std::string tensor = R"("w\n":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  expect_refused(file_with("{" + tensor + "," + tensor + "}", "abcd"), "twice");
  expect_refused(file_with(R"({"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "abcd"),
                 "twice");
}

TEST(Safetensors, RefusesShapesAndTypesThatAreNot) {
  expect_refused(file_with(one("F8", "[1]", "[0,4]"), "abcd"), "element type \"F8\"");
  expect_refused(file_with(R"({"w":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", "abcd"), "dtype");
  expect_refused(file_with(one("F32", "[-1]", "[0,4]"), "abcd"), "non-negative");
  expect_refused(file_with(one("F32", "[1.0]", "[0,4]"), "abcd"), "non-negative");
  expect_refused(file_with(one("F32", "[\"1\"]", "[0,4]"), "abcd"), "non-negative");
  expect_refused(file_with(one("F32", "[18446744073709551615]", "[0,4]"), "abcd"), "non-negative");
  expect_refused(file_with(one("F32", "1", "[0,4]"), "abcd"), "not a list");
  expect_refused(file_with(one("F32", "[4294967296,4294967296]", "[0,4]"), "abcd"), "more than");
  expect_refused(file_with(one("F32", "[4611686018427387905,4]", "[0,4]"), "abcd"), "more than");
  expect_refused(file_with(one("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), "abcd"), "dimensions");
  expect_refused(file_with(one("F32", "[2]", "[0,4]"), "abcd"), "needs 8 bytes but has 4");
  expect_refused(file_with(one("F16", "[1]", "[0,4]"), "abcd"), "needs 2 bytes but has 4");
  expect_refused(file_with(one("I64", "[1]", "[0,8]"), "abcdefg\x7f"), "2^53");
}

TEST(Safetensors, RefusesTensorsThatDoNotTileTheData) {
  expect_refused(file_with(one("F32", "[1]", "[0,4]"), "abc"), "outside");
  expect_refused(file_with(one("F32", "[1]", "[4,0]"), "abcd"), "outside");
  expect_refused(file_with(one("F32", "[1]", "[0,4,8]"), "abcd"), "outside");
  expect_refused(file_with(one("F32", "[1]", "[0,4]"), "abcde"), "1 bytes at the end");
  expect_refused(file_with(one("F32", "[1]", "[1,5]"), "abcde"), "belong to no tensor");
  expect_refused(file_with("{}", "a"), "1 bytes at the end");
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + first +
           R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}";
  };
  expect_refused(file_with(two("[0,4]", "[2,6]"), "abcdef"), "overlaps");
  expect_refused(file_with(two("[0,4]", "[0,4]"), "abcd"), "overlaps");
  expect_refused(file_with(two("[0,4]", "[6,10]"), "abcdefghij"), "belong to no tensor");
}

TEST(Safetensors, NamesStrangeTensorsOnOneShortLine) {
  const std::string long_name(100000, 'x');
  refusal(file_with("{\"" + long_name + "\":1}"));
  refusal(file_with(R"({"a\u0000\n\u2028b":1})"));
}

TEST(Safetensors, SurvivesEveryTruncationOfAFile) {
  const auto bytes = safetensors_bytes(example());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    refusal({bytes.begin(), bytes.begin() + static_cast<long>(n)});
}

TEST(Safetensors, WritesAndReadsFiles) {
  const auto folder = std::filesystem::temp_directory_path() / ("gradzone-io-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto path = folder / "a.safetensors";
  write_safetensors(path, example());
  EXPECT_EQ(read_safetensors(path).tensors.size(), example().tensors.size());
  EXPECT_THROW(read_safetensors(folder / "missing"), InputError);
  EXPECT_THROW(read_safetensors(folder), InputError);
  EXPECT_THROW(write_safetensors(folder / "no" / "where", example()), InputError);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gradzone
