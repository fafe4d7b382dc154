#include <gtest/gtest.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/data/npy.hpp"
#include "support/npy_files.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

using support::message_of;
using support::npy;

NpyArray parse(const std::string& file) {
  return parse_npy(std::as_bytes(std::span(file.data(), file.size())), "FILE");
}

void expect_refused(const std::string& file, const std::string& part) {
  const std::string message = message_of<InputError>([&] { parse(file); });
  EXPECT_TRUE(message.starts_with("FILE: ")) << message;
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(Npy, ReadsEveryVersionOfTheHeader) {
  const std::string header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }   \n";
  std::string file = npy(header, "abcd");
  EXPECT_EQ(parse(file).shape, (Shape{2}));
  EXPECT_EQ(parse(file).values[3], std::byte{'d'});
  file = std::string("\x93NUMPY\x02\x00", 8) + static_cast<char>(header.size()) + std::string(3, '\0') +
         header + "abcd";
  EXPECT_EQ(parse(file).type, "i2");
  EXPECT_EQ(parse(npy("{'shape': (), 'descr': '|u1', 'fortran_order': False}", "x")).shape, Shape{});
}

TEST(Npy, RefusesDamagedFiles) {
  const std::string good = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}", "abcd");
  EXPECT_EQ(parse(good).values.size(), 4u);
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_THROW(parse(good.substr(0, n)), InputError) << n;
  expect_refused("PK", "does not begin");
  expect_refused(good + "e", "needs 4 bytes, there are more");
  std::string version = good;
  version[6] = 9;
  expect_refused(version, "version is 9.0");
}

TEST(Npy, RefusesHostileHeaders) {
  const auto with_shape = [](const std::string& shape) {
    return npy("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + "}", "");
  };
  expect_refused(with_shape("(9223372036854775807, 9223372036854775807)"), "more than");
  expect_refused(with_shape("(99999999999999999999,)"), "shape is wrong");
  expect_refused(with_shape("(-1,)"), "shape is wrong");
  expect_refused(with_shape("(1, 1, 1, 1, 1)"), "shape is wrong");
  expect_refused(with_shape("(1 1)"), "shape is wrong");
  expect_refused(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "x"), "type |O");
  expect_refused(npy("{'fortran_order': False, 'shape': (1,)}", "x"), "no type");
  expect_refused(npy("{'descr': [('a', '<i4')], 'shape': (1,)}", "x"), "damaged");
  expect_refused(npy("{'other': 1}", ""), "unknown key other");
  expect_refused(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "abcd"), "astype(\"<f4\")");
  expect_refused(npy("{'descr': '|u1', 'fortran_order': Maybe, 'shape': (1,)}", "a"), "damaged");
  expect_refused(std::string("\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{", 13), "header has 4294967295 bytes");
  // No element, so that nothing is too large: strides must not be computed from such a shape.
  const std::string empty = "(0, 4611686018427387904, 4611686018427387904, 4611686018427387904)";
  EXPECT_TRUE(
      parse(npy("{'descr': '|u1', 'fortran_order': True, 'shape': " + empty + "}", "")).values.empty());
}

TEST(Npy, PutsColumnsIntoRows) {
  const std::string columns = npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3)}", "a b c d e f ");
  const NpyArray array = parse(columns);
  EXPECT_EQ(array.shape, (Shape{2, 3}));
  const std::string rows = "a c e b d f ";
  EXPECT_TRUE(std::ranges::equal(array.values, std::as_bytes(std::span(rows))));
}

TEST(Npy, TransposesAsNumpy) {
  NpyArray array{{2, 3, 4, 5}, "u1", {}};
  for (int i = 0; i < 120; ++i) array.values.push_back(static_cast<std::byte>(i));
  const NpyArray out = transposed(array, {0, 3, 1, 2});
  EXPECT_EQ(out.shape, (Shape{2, 5, 3, 4}));
  std::size_t at = 0;
  for (int n = 0; n < 2; ++n)
    for (int c = 0; c < 5; ++c)
      for (int h = 0; h < 3; ++h)
        for (int w = 0; w < 4; ++w)
          EXPECT_EQ(static_cast<int>(out.values[at++]), ((n * 3 + h) * 4 + w) * 5 + c);
  for (const char* type : {"f2", "f4", "f8"}) {
    const std::size_t size = static_cast<std::size_t>(type[1] - '0');
    NpyArray two{{1, 2}, type, std::vector<std::byte>(2 * size, std::byte{1})};
    two.values.back() = std::byte{2};
    EXPECT_EQ(transposed(two, {1, 0}).values, two.values) << type;
  }
}

/// A source of a byte at most is asked for more, and memory follows what comes.
TEST(Npy, AsksForNoMoreThanPromised) {
  const std::string file = support::npy_of("|u1", "(1099511627776,)", "");
  std::size_t at = 0, largest = 0;
  const auto source = [&](std::span<std::byte> out) {
    largest = std::max(largest, out.size());
    const std::size_t n = std::min(out.size(), file.size() - at);
    std::copy_n(std::as_bytes(std::span(file)).begin() + static_cast<std::ptrdiff_t>(at), n, out.begin());
    at += n;
    return n;
  };
  const auto message = message_of<InputError>([&] { read_npy(source, std::size_t{1} << 41, "FILE"); });
  EXPECT_NE(message.find("needs 1099511627776 bytes, there are 0"), std::string::npos) << message;
  EXPECT_LE(largest, std::size_t{1} << 20);
}

}  // namespace
}  // namespace gradzone
