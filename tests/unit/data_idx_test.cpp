#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/data/gzip.hpp"
#include "gradzone/data/idx.hpp"

namespace gradzone {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes(const std::string& text) {
  Bytes out;
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
  return out;
}

/// An IDX file with these bytes behind its magic and dimensions.
Bytes idx(const std::vector<std::uint32_t>& dimensions, const std::string& values, int type = 8) {
  Bytes out{std::byte{0}, std::byte{0}, static_cast<std::byte>(type),
            static_cast<std::byte>(dimensions.size())};
  for (const std::uint32_t d : dimensions) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(d >> shift));
  }
  for (const std::byte b : bytes(values)) out.push_back(b);
  return out;
}

Bytes gzip(const Bytes& plain) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::logic_error("deflateInit2");
  }
  Bytes out(deflateBound(&stream, plain.size()));
  Bytes in = plain;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::logic_error("deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

template <class Call>
void expect_refused(Call call, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "accepted; expected: " << part;
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("file: ")) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

void expect_idx_refused(const Bytes& file, const std::string& part) {
  expect_refused([&] { parse_idx(file, "file"); }, part);
}

TEST(Idx, ReadsItsDimensionsAndBytes) {
  const IdxArray array = parse_idx(idx({2, 1, 3}, "abc\xff\x01z"), "file");
  EXPECT_EQ(array.shape, (Shape{2, 1, 3}));
  EXPECT_EQ(array.values, (std::vector<std::uint8_t>{'a', 'b', 'c', 0xFF, 1, 'z'}));
  EXPECT_EQ(parse_idx(idx({0}, ""), "file").values.size(), 0u);
}

TEST(Idx, ReadsCompressedFilesAlike) {
  const Bytes plain = idx({300, 400}, std::string(120000, 'x'));
  const IdxArray array = parse_idx(gzip(plain), "file");
  EXPECT_EQ(array.shape, (Shape{300, 400}));
  EXPECT_EQ(array.values, parse_idx(plain, "file").values);
}

TEST(Idx, RefusesHeadersThatAreNotIdx) {
  expect_idx_refused({}, "0 bytes are no header");
  expect_idx_refused(bytes("PK\x03\x04"), "begins with 50 4b");
  expect_idx_refused(bytes("<html>"), "begins with 3c 68");
  expect_idx_refused(idx({1}, "abcd", 0x0D), "element type is 0d");
  expect_idx_refused(idx({}, ""), "0 dimensions");
  expect_idx_refused(idx({1, 1, 1, 1, 1}, "a"), "5 dimensions");
  expect_idx_refused(bytes(std::string("\0\0\x08\x02\0\0\0\x01\0\0", 10)), "inside its dimensions");
}

TEST(Idx, RefusesSizesThatDoNotFit) {
  expect_idx_refused(idx({4}, "abc"), "cut short: shape [4] needs 4 bytes, there are 3");
  expect_idx_refused(idx({4}, "abcde"), "more data");
  expect_idx_refused(idx({0}, "a"), "more data");
  expect_idx_refused(idx({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "a"), "more than");
  expect_idx_refused(idx({1u << 30, 2}, "a"), "more than");
  expect_idx_refused(gzip(idx({4}, "abc")), "cut short");
  expect_idx_refused(gzip(idx({4}, "abcde")), "more data");
}

TEST(Idx, RefusesDamagedGzipFiles) {
  const Bytes good = gzip(idx({5}, "hello"));
  for (std::size_t n = 2; n < good.size(); ++n) {
    EXPECT_THROW(parse_idx(std::span(good).first(n), "file"), InputError) << n;
  }
  Bytes wrong_checksum = good;
  wrong_checksum[good.size() - 8] ^= std::byte{1};
  expect_idx_refused(wrong_checksum, "is damaged");
  Bytes trailing = good;
  trailing.push_back(std::byte{0});
  expect_idx_refused(trailing, "something else behind");
}

TEST(Idx, NeverInflatesMoreThanItsDimensionsSay) {
  const Bytes bomb = gzip(idx({3}, std::string(std::size_t{64} << 20, '\0')));
  ASSERT_LT(bomb.size(), 100000u);
  expect_idx_refused(bomb, "more data");
}

TEST(Gzip, StopsAtTheNumberOfBytesAskedFor) {
  const Bytes packed = gzip(bytes(std::string(1000000, 'a')));
  EXPECT_EQ(gunzip_at_most(packed, 10, "file").size(), 10u);
  EXPECT_EQ(gunzip_at_most(packed, 1000000, "file").size(), 1000000u);
  EXPECT_EQ(gunzip_at_most(packed, 2000000, "file").size(), 1000000u);
  EXPECT_EQ(gunzip_at_most(packed, 0, "file").size(), 0u);
}

TEST(Gzip, ReadsConcatenatedMembersAsOneFile) {
  Bytes two = gzip(bytes("ab"));
  for (const std::byte b : gzip(bytes("cd"))) two.push_back(b);
  EXPECT_EQ(gunzip_at_most(two, 100, "file"), bytes("abcd"));
}

}  // namespace
}  // namespace gradzone
