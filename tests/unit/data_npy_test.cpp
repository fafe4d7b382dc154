#include <gtest/gtest.h>

#include "gradzone/base/error.hpp"
#include "gradzone/data/npy.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

using support::message_of;
using support::ScratchFolder;

std::string npy(const std::string& header, const std::string& values) {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() % 256) +
         static_cast<char>(header.size() / 256) + header + values;
}

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
  expect_refused(good + "e", "needs 4 bytes, there are 5");
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
}

TEST(LoadNpy, NamesTheFileThatIsWrong) {
  const ScratchFolder folder;
  const auto refusal = [&] { return message_of<InputError>([&] { load_npy(folder.path(), "train", 10); }); };
  const std::string two = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", "ab");
  EXPECT_NE(refusal().find("train_images.npy"), std::string::npos);
  folder.write("train_images.npy", two);
  EXPECT_NE(refusal().find("[n, h, w]"), std::string::npos);
  folder.write("train_images.npy",
               npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 1, 1)}", "abc"));
  EXPECT_NE(refusal().find("train_labels.npy"), std::string::npos);
  folder.write("train_labels.npy", two);
  EXPECT_NE(refusal().find("shape [2], but there are 3 images"), std::string::npos);
  folder.write("train_images.npy",
               npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 1)}", "\x00\x00\xC0\x7F    "));
  EXPECT_NE(refusal().find("train_images.npy"), std::string::npos);
  folder.write("train_images.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 1)}",
                                       std::string("\x00\x00\xC0\x7F\x00\x00\x00\x00", 8)));
  folder.write("train_labels.npy", two);
  EXPECT_NE(refusal().find("element 0 is not finite"), std::string::npos);
}

}  // namespace
}  // namespace gradzone
