#include <gtest/gtest.h>

#include <chrono>

#include "gradzone/base/error.hpp"
#include "gradzone/data/npz.hpp"
#include "support/npy_files.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

using support::message_of;
using support::npy_of;
using support::zip_of;
using support::ZipEntries;

std::span<const std::byte> view(const std::string& file) {
  return std::as_bytes(std::span(file.data(), file.size()));
}

/// Reads every array.
void read_all(const std::string& file) {
  const NpzFile npz(view(file), "FILE");
  for (const std::string& key : npz.keys()) npz.read(key);
}

void expect_refused(const std::string& file, const std::string& part) {
  const std::string message = message_of<InputError>([&] { read_all(file); });
  EXPECT_TRUE(message.starts_with("FILE: ")) << message;
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

const ZipEntries two_arrays{{"x.npy", npy_of("|u1", "(2, 2)", "abcd")},
                            {"readme.txt", "no array"},
                            {"y.npy", npy_of("<i2", "(2,)", std::string("\1\0\2\0", 4))}};

TEST(Npz, ReadsStoredAndDeflatedArrays) {
  for (const bool deflated : {false, true}) {
    const std::string file = zip_of(two_arrays, deflated);
    const NpzFile npz(view(file), "FILE");
    EXPECT_EQ(npz.keys(), (std::vector<std::string>{"x", "y"}));
    EXPECT_TRUE(npz.contains("x"));
    EXPECT_FALSE(npz.contains("readme.txt"));
    EXPECT_EQ(npz.read("x").shape, (Shape{2, 2}));
    EXPECT_EQ(npz.read("x").values[3], std::byte{'d'});
    EXPECT_EQ(npz.read("y").type, "i2");
    EXPECT_EQ(message_of<InputError>([&] { npz.read("z"); }), "FILE: it holds no array z; there are: x, y");
  }
}

TEST(Npz, RefusesFilesCutShortAnywhere) {
  for (const bool deflated : {false, true}) {
    const std::string file = zip_of(two_arrays, deflated);
    for (std::size_t n = 0; n < file.size(); ++n) EXPECT_THROW(read_all(file.substr(0, n)), InputError) << n;
  }
}

TEST(Npz, NeverFailsOtherwiseThanByRefusing) {
  for (const bool deflated : {false, true}) {
    const std::string file = zip_of(two_arrays, deflated);
    for (std::size_t n = 0; n < file.size(); ++n)
      for (const char bit : {'\x01', '\x10', '\x80'}) {
        std::string damaged = file;
        damaged[n] = static_cast<char>(damaged[n] ^ bit);
        try {
          read_all(damaged);
        } catch (const InputError& error) {
          EXPECT_TRUE(std::string(error.what()).starts_with("FILE: ")) << error.what();
        }
      }
  }
}

TEST(Npz, SeesDamagedValues) {
  std::string file = zip_of(two_arrays, false);
  file[file.find("abcd")] = 'x';
  expect_refused(file, "CRC");
}

TEST(Npz, RefusesNamesThatMislead) {
  const std::string array = npy_of("|u1", "(1,)", "a");
  expect_refused(zip_of({{"x.npy", array}, {"x.npy", array}}), "two entries named x.npy");
  expect_refused(zip_of({{"a\nb.npy", array}}), "no printable text");
  expect_refused("PK\3\4", "not a NPZ file");
  expect_refused("", "not a NPZ file");
  ZipEntries many;
  for (std::size_t i = 0; i <= most_npz_entries; ++i) many.emplace_back(std::to_string(i), "");
  expect_refused(zip_of(many), "more than 10000 entries");
}

/// Nothing is unpacked, so a path is but a name.
TEST(Npz, TakesPathsForNames) {
  const std::string file = zip_of({{"../../x.npy", npy_of("|u1", "(1,)", "a")}});
  const NpzFile npz(view(file), "FILE");
  EXPECT_EQ(npz.read("../../x").values[0], std::byte{'a'});
  EXPECT_FALSE(std::filesystem::exists("../../x.npy"));
}

TEST(Npz, RefusesBombsQuickly) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string zeros(std::size_t{1} << 27, '\0');  // deflate to 130 KB
  const std::string longer = zip_of({{"x.npy", npy_of("|u1", "(4,)", zeros)}});
  const std::string true_one = zip_of({{"x.npy", npy_of("|u1", "(134217728,)", zeros)}});
  const std::string claim = zip_of({{"x.npy", npy_of("|u1", "(1152921504606846976,)", "a")}});
  const auto made = std::chrono::steady_clock::now();
  EXPECT_LT(true_one.size(), std::size_t{1} << 18);
  expect_refused(longer, "needs 4 bytes, there are more");
  expect_refused(true_one, "holds more than 67108864 elements");
  expect_refused(claim, "holds more than 67108864 elements");
  EXPECT_LT(std::chrono::steady_clock::now() - made, std::chrono::seconds(2)) << (made - begin).count();
}

}  // namespace
}  // namespace gradzone
