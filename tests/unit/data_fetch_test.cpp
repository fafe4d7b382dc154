#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/data/download.hpp"
#include "gradzone/data/fetch.hpp"
#include "gradzone/data/sha256.hpp"
#include "support/http_server.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;
using support::content_of;
using support::message_of;

std::string noise(std::size_t size, std::uint64_t seed) {
  RandomStream random(seed, "noise");
  std::string out;
  while (out.size() < size) out += static_cast<char>(random.bits());
  return out;
}

ManifestFile described(const std::string& name, const std::string& content) {
  return {name, content.size(), sha256_hex(std::as_bytes(std::span(content)))};
}

std::string gzipped(const std::string& content, const fs::path& scratch) {
  gzFile file = gzopen(scratch.c_str(), "wb");
  gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
  gzclose(file);
  const std::string out = content_of(scratch);
  fs::remove(scratch);
  return out;
}

std::string tar_gz(const std::vector<std::pair<std::string, std::string>>& files, const fs::path& scratch) {
  archive* writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_ustar(writer);
  archive_write_open_filename(writer, scratch.c_str());
  for (const auto& [name, content] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(writer, entry);
    archive_write_data(writer, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_free(writer);
  const std::string out = content_of(scratch);
  fs::remove(scratch);
  return out;
}

/// A set of the two files a and b, served as they are.
class Fetch : public testing::Test {
 protected:
  Fetch() {
    ::setenv("no_proxy", "*", 1);
    manifest.name = "test";
    manifest.urls = {server.url()};
    manifest.files = {described("a", a), described("b", b)};
    server.serve("a", a);
    server.serve("b", b);
  }
  void fetch() const { fetch_dataset(manifest, folder(), {}); }
  template <class Error>
  std::string refusal() const {
    return message_of<Error>([&] { fetch(); });
  }
  fs::path folder() const { return scratch.path() / "new" / "folder"; }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder())) out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
  void put(const std::string& name, const std::string& content) const {
    scratch.write("new/folder/" + name, content);
  }

  const std::string a = noise(100000, 1), b = noise(5000, 2);
  support::ScratchFolder scratch;
  support::HttpServer server;
  Manifest manifest;
};

TEST_F(Fetch, DownloadsWhatIsMissingOrWrongAndNothingElse) {
  fetch();
  EXPECT_EQ(names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(content_of(folder() / "a"), a);
  EXPECT_EQ(content_of(folder() / "b"), b);
  fetch();
  EXPECT_EQ(server.requests(), (std::vector<std::string>{"a 0", "b 0"}));
  put("b", "something else");
  fetch();
  EXPECT_EQ(content_of(folder() / "b"), b);
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(Fetch, ContinuesWhereItStopped) {
  put("a.part", a.substr(0, 70000));
  fetch();
  EXPECT_EQ(content_of(folder() / "a"), a);
  EXPECT_EQ(server.requests()[0], "a 70000");
  EXPECT_EQ(names(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(Fetch, ContinuesABrokenTransferAsLongAsSomethingArrives) {
  server.break_after = 30000;
  fetch();
  EXPECT_EQ(content_of(folder() / "a"), a);
  EXPECT_EQ(server.requests(), (std::vector<std::string>{"a 0", "a 30000", "a 60000", "a 90000", "b 0"}));
}

TEST_F(Fetch, LeavesOnlyAPartBehindWhenTheConnectionBreaksForGood) {
  put("a.part", a.substr(0, 500));
  server.break_after = 0;
  const std::string message = refusal<InterruptedError>();
  EXPECT_NE(message.find("broke off after 500 bytes"), std::string::npos) << message;
  EXPECT_EQ(names(), (std::vector<std::string>{"a.part"}));
  server.break_after = -1;
  fetch();
  EXPECT_EQ(content_of(folder() / "a"), a);
}

TEST_F(Fetch, StartsAnewWhereTheServerCannotContinue) {
  put("a.part", a.substr(0, 70000));
  server.ignore_ranges = true;
  fetch();
  EXPECT_EQ(content_of(folder() / "a"), a);
}

TEST_F(Fetch, GivesUpAPartThatTurnsOutWrong) {
  put("a.part", noise(70000, 3));
  put("b.part", noise(9000, 3));  // longer than the file
  fetch();
  EXPECT_EQ(content_of(folder() / "a"), a);
  EXPECT_EQ(content_of(folder() / "b"), b);
  EXPECT_EQ(names(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(Fetch, TakesAPartThatOnlyLacksItsName) {
  put("a.part", a);
  fetch();
  EXPECT_EQ(content_of(folder() / "a"), a);
  EXPECT_EQ(server.requests(), (std::vector<std::string>{"b 0"}));
}

TEST_F(Fetch, RefusesWhatIsNotThePublishedFile) {
  server.serve("a", noise(100000, 4));
  std::string message = refusal<InputError>();
  EXPECT_NE(message.find("a: not the published file"), std::string::npos) << message;
  EXPECT_NE(message.find("sha256"), std::string::npos) << message;
  EXPECT_EQ(names(), std::vector<std::string>{});
  server.serve("a", noise(5000000, 4));
  message = refusal<InputError>();
  EXPECT_NE(message.find("sends more"), std::string::npos) << message;
}

TEST_F(Fetch, TriesEveryPlace) {
  support::HttpServer other;
  other.serve("a", noise(100000, 4));
  manifest.urls.insert(manifest.urls.begin(), {"http://127.0.0.1:1/", other.url()});
  fetch();
  EXPECT_EQ(content_of(folder() / "a"), a);
  EXPECT_EQ(other.requests().size(), 2u);
}

TEST_F(Fetch, SaysWhoDoesNotAnswer) {
  manifest.urls = {server.url() + "none/"};
  EXPECT_NE(refusal<InputError>().find("none/a: the server answers 404"), std::string::npos);
  manifest.urls = {"http://127.0.0.1:1/"};
  EXPECT_NE(refusal<InputError>().find("http://127.0.0.1:1/a: "), std::string::npos);
  manifest.urls = {"file:///etc/"};
  EXPECT_NE(refusal<InputError>().find("file:///etc/a: "), std::string::npos);
  manifest.urls = {};
  EXPECT_NE(refusal<InputError>().find("no address"), std::string::npos);
  EXPECT_EQ(names(), std::vector<std::string>{});
}

TEST_F(Fetch, StopsWhenAskedTo) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(fetch_dataset(manifest, folder(), {{}, stop.get_token()}), InterruptedError);
  EXPECT_FALSE(fs::exists(folder() / "a"));
}

TEST_F(Fetch, KeepsCompressedFilesAsTheyAreServed) {
  manifest.suffix = ".gz";
  server.serve("a.gz", gzipped(a, scratch.path() / "scratch"));
  server.serve("b.gz", gzipped(b, scratch.path() / "scratch"));
  put("b", "wrong, and plain");
  fetch();
  EXPECT_EQ(names(), (std::vector<std::string>{"a.gz", "b.gz"}));
  for (const FileCheck& check : verify_dataset(folder(), manifest))
    EXPECT_EQ(check.state, FileCheck::State::ok) << check.detail;
}

TEST_F(Fetch, TakesFilesOutOfAnArchive) {
  const auto pack = [&](const std::string& b_content) {
    const std::string packed =
        tar_gz({{"set/readme", "hello"}, {"set/a", a}, {"../../b", b_content}}, scratch.path() / "scratch");
    manifest.archive = described("set.tar.gz", packed);
    server.serve("set.tar.gz", packed);
  };
  pack("not b");
  EXPECT_NE(refusal<InputError>().find("b in it is not the published file"), std::string::npos);
  fs::remove_all(folder());
  pack(b);
  put("set.tar.gz.part", "gar");
  fetch();
  EXPECT_EQ(names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(content_of(folder() / "b"), b);
  const std::size_t before = server.requests().size();
  fetch();
  EXPECT_EQ(server.requests().size(), before);
}

TEST_F(Fetch, NeverLetsTwoProcessesWriteTheSamePart) {
  put("a.part", "");
  const int other = ::open((folder() / "a.part").c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  EXPECT_NE(refusal<InputError>().find("another process"), std::string::npos);
  ::close(other);
}

}  // namespace
}  // namespace gradzone
