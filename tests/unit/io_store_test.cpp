#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/io/results.hpp"
#include "gradzone/io/store.hpp"
#include "support/made_up_results.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;
using tests::made_up_point;

const std::string configuration =
    R"({"formats":["fp32/chain","fp16/chain"],"samples":200,"seed":1,"command":"gradzone audit --samples 200",)"
    R"("versions":{"gradzone":"0.1.0","mpfr":"4.2.0"}})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void overwrite(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

/// Runs SQL on a store as a stranger would.
void tamper(const fs::path& file, const char* sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

/// The message of the error that a call throws, one line; the test fails if it throws none of that kind.
template <class Kind, class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const Kind& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "no error";
  return {};
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

class Store : public testing::Test {
 protected:
  Store() {
    std::string pattern = (fs::temp_directory_path() / "gradzone-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder = pattern;
  }
  ~Store() override { fs::remove_all(folder); }

  ResultStore open() const { return ResultStore::open(folder, configuration); }
  fs::path file() const { return folder / store_file_name; }
  /// A closed store with some points.
  void fill(Index points) const {
    ResultStore store = open();
    for (Index i = 0; i < points; ++i) store.put(made_up_point(i, "fp32/chain"));
  }

  fs::path folder;
};

void expect_same(const PointResult& a, const PointResult& b) {
  // The tables as text hold every column of the three records.
  AuditResults left{configuration, {a}}, right{configuration, {b}};
  EXPECT_EQ(points_csv(left), points_csv(right));
  EXPECT_EQ(branches_csv(left), branches_csv(right));
  EXPECT_EQ(gradients_csv(left), gradients_csv(right));
  EXPECT_EQ(a.image.pixels, b.image.pixels);
  EXPECT_EQ(a.image.channels, b.image.channels);
  EXPECT_EQ(a.image.height, b.image.height);
  EXPECT_EQ(a.image.width, b.image.width);
  EXPECT_EQ(a.seconds, b.seconds);
  ASSERT_EQ(a.ties.size(), b.ties.size());
  const auto box = [](const PixelBox& p) { return std::vector{p.x0, p.y0, p.x1, p.y1}; };
  for (std::size_t i = 0; i < a.ties.size(); ++i) {
    const TieWindow &s = a.ties[i], &t = b.ties[i];
    EXPECT_EQ(s.layer, t.layer);
    EXPECT_EQ((std::vector{s.image, s.channel, s.row, s.column}),
              (std::vector{t.image, t.channel, t.row, t.column}));
    EXPECT_EQ(s.kind, t.kind);
    EXPECT_EQ(s.positive, t.positive);
    EXPECT_EQ(s.members, t.members);
    EXPECT_EQ(box(s.sees), box(t.sees));
    EXPECT_EQ(box(s.core), box(t.core));
  }
}

TEST_F(Store, GivesBackWhatWasPut) {
  std::vector<PointResult> points;
  for (Index i = 0; i < 16; ++i) {
    points.push_back(made_up_point(i, "fp32/chain"));
    points.back().seconds = 0.1 * static_cast<double>(i);
  }
  points[3].ties[0].members.clear();
  points[4].point.witness = "a \"quoted\", 'odd'\nname \xE2\x82\xAC";
  points[5].image = {};
  {
    ResultStore store = open();
    for (const PointResult& point : points) store.put(point);
  }
  const AuditResults back = ResultStore::open_existing(folder).load();
  EXPECT_EQ(back.configuration, configuration);
  ASSERT_EQ(back.points.size(), points.size());
  for (std::size_t i = 0; i < points.size(); ++i) expect_same(back.points[i], points[i]);
}

TEST_F(Store, KeepsDoublesBitForBit) {
  using Limits = std::numeric_limits<double>;
  PointResult point = made_up_point(0, "fp32/chain");
  point.point.delta_real_lower = -0.0;
  point.point.delta_real_upper = Limits::infinity();
  point.point.delta_float_inf = Limits::denorm_min();
  point.point.delta_float_l1 = Limits::quiet_NaN();
  point.point.stat_inf = -Limits::infinity();
  point.point.stat_l1 = 0.1;
  point.seconds = Limits::max();
  ResultStore store = open();
  store.put(point);
  const PointResult back = store.load().points.at(0);
  const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
  EXPECT_EQ(bits(back.point.delta_real_lower), bits(-0.0));
  EXPECT_EQ(back.point.delta_real_upper, Limits::infinity());
  EXPECT_EQ(back.point.delta_float_inf, Limits::denorm_min());
  EXPECT_TRUE(std::isnan(back.point.delta_float_l1));
  EXPECT_EQ(back.point.stat_inf, -Limits::infinity());
  EXPECT_EQ(bits(back.point.stat_l1), bits(0.1));
  EXPECT_EQ(back.seconds, Limits::max());
}

TEST_F(Store, KnowsWhichPointsItHas) {
  ResultStore store = open();
  EXPECT_FALSE(store.contains(3, "fp32/chain"));
  store.put(made_up_point(3, "fp32/chain"));
  EXPECT_TRUE(store.contains(3, "fp32/chain"));
  EXPECT_FALSE(store.contains(3, "fp16/chain"));
  EXPECT_FALSE(store.contains(4, "fp32/chain"));
}

TEST_F(Store, OrdersByFormatOfTheAuditThenByPoint) {
  ResultStore store = open();
  for (const auto& [index, format] : {std::pair{11, "fp16/chain"},
                                      {2, "fp16/chain"},
                                      {10, "fp32/chain"},
                                      {9, "fp32/chain"},
                                      {0, "fp16/chain"}}) {
    store.put(made_up_point(index, format));
  }
  std::vector<std::pair<std::string, Index>> order;
  for (const PointResult& result : store.load().points)
    order.emplace_back(result.point.format, result.point.point);
  EXPECT_EQ(
      order,
      (std::vector<std::pair<std::string, Index>>{
          {"fp32/chain", 9}, {"fp32/chain", 10}, {"fp16/chain", 0}, {"fp16/chain", 2}, {"fp16/chain", 11}}));
}

TEST_F(Store, TakesPointsFromManyThreads) {
  ResultStore store = open();
  {
    std::vector<std::jthread> threads;
    for (Index t = 0; t < 4; ++t) {
      threads.emplace_back([&store, t] {
        for (Index i = t; i < 40; i += 4) store.put(made_up_point(i, "fp32/chain"));
      });
    }
  }
  const AuditResults back = store.load();
  ASSERT_EQ(back.points.size(), 40u);
  for (Index i = 0; i < 40; ++i)
    expect_same(back.points[static_cast<std::size_t>(i)], made_up_point(i, "fp32/chain"));
}

TEST_F(Store, RefusesAPointTwiceAndKeepsTheFirst) {
  ResultStore store = open();
  store.put(made_up_point(1, "fp32/chain"));
  PointResult again = made_up_point(1, "fp32/chain");
  again.point.bits_used = 7;
  EXPECT_THROW(store.put(again), std::logic_error);
  store.put(made_up_point(2, "fp32/chain"));
  EXPECT_EQ(store.load().points.at(0).point.bits_used, 128);
}

TEST_F(Store, LeavesOneFileBehind) {
  fill(3);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
  EXPECT_TRUE(fs::exists(file()));
}

TEST_F(Store, MakesTheFoldersItNeeds) {
  const fs::path deep = folder / "a" / "b";
  { ResultStore::open(deep, configuration).put(made_up_point(0, "fp32/chain")); }
  EXPECT_EQ(load_results(deep).points.size(), 1u);
}

TEST_F(Store, ContinuesTheSameAudit) {
  fill(3);
  {
    ResultStore store = ResultStore::open(folder, replaced(configuration, "audit", "audit --threads 2"));
    EXPECT_TRUE(store.contains(2, "fp32/chain"));
    store.put(made_up_point(3, "fp32/chain"));
    EXPECT_EQ(store.configuration(), configuration);
  }
  EXPECT_EQ(load_results(folder).points.size(), 4u);
}

TEST_F(Store, RefusesAnotherAuditNamingWhatDiffers) {
  fill(2);
  const std::string before = content(file());
  std::string other = replaced(configuration, "\"samples\":200", "\"samples\":100");
  other = replaced(other, "\"mpfr\":\"4.2.0\"", "\"mpfr\":\"4.3.0\"");
  other = replaced(other, "\"seed\":1", "\"seed\":1,\"batch\":4");
  const std::string message = refusal<UsageError>([&] { ResultStore::open(folder, other); });
  EXPECT_TRUE(says(message, file().string())) << message;
  EXPECT_TRUE(says(message, "samples (stored 200, now 100)")) << message;
  EXPECT_TRUE(says(message, R"(versions.mpfr (stored "4.2.0", now "4.3.0"))")) << message;
  EXPECT_TRUE(says(message, "batch (stored nothing, now 4)")) << message;
  EXPECT_TRUE(says(message, "another --out")) << message;
  EXPECT_FALSE(says(message, "seed")) << message;
  EXPECT_EQ(content(file()), before);
}

TEST_F(Store, RefusesASecondWriterButNotAReader) {
  ResultStore store = open();
  store.put(made_up_point(0, "fp32/chain"));
  store.commit();
  const std::string message = refusal<UsageError>([&] { open(); });
  EXPECT_TRUE(says(message, "another audit or training is writing")) << message;
  EXPECT_EQ(ResultStore::open_existing(folder).load().points.size(), 1u);
  store.put(made_up_point(1, "fp32/chain"));
}

TEST_F(Store, OpenedForReadingCannotBeWritten) {
  fill(1);
  ResultStore store = ResultStore::open_existing(folder);
  EXPECT_THROW(store.put(made_up_point(5, "fp32/chain")), InputError);
  EXPECT_EQ(store.load().points.size(), 1u);
}

TEST_F(Store, RefusesAConfigurationWithoutItsKeys) {
  for (const char* key : {"formats", "seed", "command", "versions"}) {
    const std::string message = refusal<InputError>(
        [&] { ResultStore::open(folder, replaced(configuration, '"' + std::string(key) + '"', "\"x\"")); });
    EXPECT_TRUE(says(message, key)) << message;
  }
  EXPECT_THROW(ResultStore::open(folder, "not json"), InputError);
  EXPECT_THROW(ResultStore::open(folder, replaced(configuration, "fp16/chain", "fp17/chain")), InputError);
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(Store, RefusesAndSparesAFileThatIsNoStore) {
  const std::string strange[] = {"", "SQLite format 3", std::string(5000, 'x'),
                                 "the only copy of somebody's thesis\n"};
  for (const std::string& bytes : strange) {
    overwrite(file(), bytes);
    const std::string message = refusal<InputError>([&] { open(); });
    EXPECT_TRUE(says(message, file().string())) << message;
    EXPECT_THROW(load_results(folder), InputError);
    EXPECT_EQ(content(file()), bytes);
  }
}

TEST_F(Store, RefusesAndSparesAnotherProgramsDatabase) {
  tamper(file(), "CREATE TABLE points (x); INSERT INTO points VALUES (1)");
  const std::string before = content(file());
  EXPECT_TRUE(says(refusal<InputError>([&] { open(); }), "not a gradzone result store"));
  EXPECT_EQ(content(file()), before);
}

TEST_F(Store, RefusesAndSparesATruncatedOrDamagedStore) {
  fill(20);
  const std::string whole = content(file());
  for (const std::size_t size :
       {std::size_t{50}, std::size_t{100}, std::size_t{4096}, whole.size() / 2, whole.size() - 1}) {
    overwrite(file(), whole.substr(0, size));
    const std::string message = refusal<InputError>([&] { open(); });
    EXPECT_TRUE(says(message, file().string())) << message;
    EXPECT_EQ(content(file()), whole.substr(0, size));
  }
  std::string damaged = whole;
  damaged.replace(whole.size() / 2, 3000, 3000, '\xAA');
  overwrite(file(), damaged);
  EXPECT_THROW(open(), InputError);
  EXPECT_EQ(content(file()), damaged);
}

TEST_F(Store, RefusesAndSparesAStoreOfALaterVersion) {
  fill(1);
  tamper(file(), "PRAGMA user_version = 3");
  const std::string before = content(file());
  EXPECT_TRUE(says(refusal<InputError>([&] { open(); }), "version 3, but this program reads version 2"));
  EXPECT_EQ(content(file()), before);
}

TEST_F(Store, RefusesValuesThatNoAuditWrites) {
  for (const char* sql :
       {"UPDATE points SET zone = 'twilight'", "UPDATE ties SET members = '1,,2'",
        "UPDATE ties SET kind = 'loose'", "UPDATE branches SET point = 77 WHERE point = 0",
        "UPDATE points SET format = 'fp64/chain'", "DROP TABLE images", "DELETE FROM configuration"}) {
    fill(2);
    tamper(file(), sql);
    const std::string message = refusal<InputError>([&] { load_results(folder); });
    EXPECT_TRUE(says(message, file().string())) << sql << ": " << message;
    fs::remove(file());
  }
}

TEST_F(Store, SaysWhereThereIsNone) {
  EXPECT_TRUE(says(refusal<InputError>([&] { ResultStore::open_existing(folder); }), "no result store"));
  EXPECT_TRUE(
      says(refusal<InputError>([&] { load_results(folder / "nowhere"); }), "not the results of an audit"));
}

TEST_F(Store, RefusesAFolderThatCannotBeMade) {
  overwrite(folder / "file", "x");
  EXPECT_TRUE(says(refusal<InputError>([&] { ResultStore::open(folder / "file", configuration); }), "file"));
  EXPECT_TRUE(says(refusal<InputError>([&] { ResultStore::open(folder / "file" / "out", configuration); }),
                   "cannot"));
  EXPECT_THROW(ResultStore::open("/proc/gradzone", configuration), InputError);
}

/// What opening the store ends with in a process without rights: permissions do not bind root.
int exit_status_without_rights(const fs::path& folder) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(9);
    try {
      ResultStore::open(folder, configuration);
    } catch (const InputError& error) {
      ::_exit(says(error.what(), folder.string()) && says(error.what(), "cannot be written") ? 3 : 8);
    } catch (...) {
      ::_exit(7);
    }
    ::_exit(0);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Store, RefusesWhatItMayNotWriteBeforeAnythingIsComputed) {
  constexpr fs::perms readable{0555};
  fs::permissions(folder, readable);
  EXPECT_EQ(exit_status_without_rights(folder), 3) << "new store";
  fs::permissions(folder, fs::perms::owner_all);
  EXPECT_TRUE(fs::is_empty(folder));

  fill(1);
  fs::permissions(folder, readable);
  EXPECT_EQ(exit_status_without_rights(folder), 3) << "old store, folder closed";
  fs::permissions(folder, fs::perms::all);
  fs::permissions(file(), fs::perms{0444});
  EXPECT_EQ(exit_status_without_rights(folder), 3) << "old store, file closed";
}

TEST_F(Store, SurvivesKillAtAnyMomentWithWholePointsOnly) {
  Index last = 0;
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        ResultStore store = open();
        for (Index i = 0;; ++i) {
          if (store.contains(i, "fp32/chain")) continue;
          store.put(made_up_point(i, "fp32/chain"));
          if (i % 3 == 0) store.commit();
        }
      } catch (...) {
        ::_exit(1);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(15 + 7 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";

    // Early kills may come before the store exists.
    if (!fs::exists(file())) continue;
    const AuditResults results = round % 2 ? load_results(folder) : open().load();
    for (std::size_t i = 0; i < results.points.size(); ++i) {
      ASSERT_EQ(results.points[i].point.point, static_cast<Index>(i));
      expect_same(results.points[i], made_up_point(static_cast<Index>(i), "fp32/chain"));
    }
    ASSERT_GE(static_cast<Index>(results.points.size()), last) << "points were lost";
    last = static_cast<Index>(results.points.size());
  }
  EXPECT_GT(last, 0);
}

/// A file system of its own, a quarter of a megabyte large; not mounted where that is not allowed.
class SmallDisk {
 public:
  explicit SmallDisk(const fs::path& where) : where_(where) {
    fs::create_directory(where);
    mounted_ = ::mount("tmpfs", where.c_str(), "tmpfs", 0, "size=256k") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount(where_.c_str());
  }
  bool is_mounted() const { return mounted_; }

 private:
  fs::path where_;
  bool mounted_;
};

TEST_F(Store, OnAFullDiskKeepsWholePointsAndContinuesWhenThereIsSpace) {
  const fs::path disk = folder / "disk";
  const SmallDisk mounted(disk);
  if (!mounted.is_mounted()) GTEST_SKIP() << "a small tmpfs cannot be mounted here (needs root)";
  const fs::path ballast = disk / "ballast";
  overwrite(ballast, std::string(80'000, 'b'));

  Index stored = 0;
  {
    ResultStore store = ResultStore::open(disk / "out", configuration);
    const std::string message = refusal<InterruptedError>([&] {
      for (; stored < 10'000; ++stored) {
        store.put(made_up_point(stored, "fp32/chain"));
        store.commit();
      }
    });
    EXPECT_TRUE(says(message, "the disk is full; every finished point is kept")) << message;
    EXPECT_TRUE(says(message, "same command")) << message;
    // The same store object reads on, and refuses again in the same way.
    EXPECT_THROW(
        {
          store.put(made_up_point(stored, "fp32/chain"));
          store.commit();
        },
        InterruptedError);
    EXPECT_EQ(static_cast<Index>(store.load().points.size()), stored);
  }
  ASSERT_GT(stored, 0);
  const AuditResults kept = load_results(disk / "out");
  ASSERT_EQ(static_cast<Index>(kept.points.size()), stored);
  for (Index i = 0; i < stored; ++i)
    expect_same(kept.points[static_cast<std::size_t>(i)], made_up_point(i, "fp32/chain"));
  overwrite(disk / "rest", std::string(300'000, 'r'));
  const std::string message = refusal<InterruptedError>([&] { export_results(disk / "out", kept, {}); });
  EXPECT_TRUE(says(message, "the disk is full")) << message;

  EXPECT_EQ(std::distance(fs::directory_iterator(disk / "out"), {}), 1) << "something half-written was left";

  fs::remove(ballast);
  ResultStore store = ResultStore::open(disk / "out", configuration);
  for (int i = 0; i < 3; ++i) store.put(made_up_point(stored++, "fp32/chain"));
  EXPECT_EQ(static_cast<Index>(store.load().points.size()), stored);
}

TEST_F(Store, OnADiskThatIsFullFromTheBeginningLeavesNothing) {
  const fs::path disk = folder / "disk";
  const SmallDisk mounted(disk);
  if (!mounted.is_mounted()) GTEST_SKIP() << "a small tmpfs cannot be mounted here (needs root)";
  overwrite(disk / "ballast", std::string(300'000, 'b'));
  EXPECT_TRUE(says(refusal<InterruptedError>([&] { ResultStore::open(disk / "out", configuration); }),
                   "disk is full"));
  EXPECT_FALSE(fs::exists(disk / "out" / store_file_name));
}

}  // namespace
}  // namespace gradzone
