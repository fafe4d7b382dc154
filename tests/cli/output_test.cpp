// Output that cannot be written: a clear line, the right exit code, and nothing damaged that was there.
#include <unistd.h>

#include "cli/cli_test.hpp"
#include "cli/small_disk.hpp"
#include "gradzone/io/sqlite.hpp"

namespace gradzone::test {
namespace {

class CliOutput : public CliTest {
 protected:
  fs::path store() const { return out() / "store.sqlite"; }
};

TEST_F(CliOutput, AFileWhereTheFolderShouldBeIsKept) {
  write(path("file"), "precious");
  for (const char* where : {"file", "file/below"}) {
    expect_refused({{"--out", path(where).string()}}, ExitCode::bad_input, {path(where).string()});
  }
  EXPECT_EQ(read(path("file")), "precious");
}

TEST_F(CliOutput, AFolderThatCannotBeMadeIsNamed) {
  expect_refused({{"--out", "/proc/gradzone-audit"}}, ExitCode::bad_input, {"/proc/gradzone-audit"});
}

TEST_F(CliOutput, AFolderWithoutPermissionIsNamed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::create_directory(path("locked"));
  fs::permissions(path("locked"), fs::perms::owner_read | fs::perms::owner_exec);
  expect_refused({{"--out", path("locked").string()}}, ExitCode::bad_input, {path("locked").string()});
  expect_refused({{"--out", path("locked/below").string()}}, ExitCode::bad_input,
                 {path("locked/below").string()});
}

TEST_F(CliOutput, AReadOnlyFileSystemIsNamed) {
  const SmallDisk disk(path("disk"), "size=1m", MS_RDONLY);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  expect_refused({{"--out", path("disk").string()}}, ExitCode::bad_input,
                 {path("disk").string(), "Read-only"});
  expect_refused({{"--out", path("disk/below").string()}}, ExitCode::bad_input,
                 {path("disk/below").string(), "Read-only"});
}

TEST_F(CliOutput, TheDemoRefusesBeforeItTrains) {
  write(path("file"), "precious");
  const Outcome outcome = run({"demo", "--data", "glyphs:200", "--out", path("file").string(), "--quiet"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.out, "");
  expect_one_line(outcome.err, {path("file").string()});
  EXPECT_EQ(read(path("file")), "precious");
}

TEST_F(CliOutput, ReportRefusesFoldersWithoutResults) {
  fs::create_directory(path("empty"));
  for (const char* where : {"none", "empty"}) {
    const Outcome outcome = run({"report", path(where).string()});
    EXPECT_EQ(outcome.exit_code, 3);
    expect_one_line(outcome.err, {path(where).string()});
  }
  EXPECT_TRUE(contents_of(path("empty")).empty());
  EXPECT_FALSE(fs::exists(path("none")));
}

// Every stage in turn meets the full disk: the store, the points, the tables, the report.
TEST_F(CliOutput, AFullDiskInterruptsAndTheSameCommandContinues) {
  const Options options{{"--model", model("mlp:1x8")}, {"--samples", "20"}, {"--format", "fp32,fp16"}};
  ASSERT_EQ(audit(options).exit_code, 0);
  const Contents expected = results_of(out());

  const SmallDisk disk(path("disk"), "size=8k");
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  Options there = options;
  there["--out"] = path("disk").string();
  int interrupted = 0;
  for (const char* size :
       {"size=8k", "size=64k", "size=80k", "size=120k", "size=200k", "size=260k", "size=400k", "size=600k"}) {
    SCOPED_TRACE(size);
    ASSERT_TRUE(disk.resize(size));
    const Outcome outcome = audit(there);
    if (outcome.exit_code == 0) break;
    ++interrupted;
    EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    expect_one_line(outcome.err, {path("disk").string(), "the disk is full", "the same command"});
    EXPECT_FALSE(any_temporary(path("disk")));
  }
  EXPECT_GE(interrupted, 3);
  ASSERT_TRUE(disk.resize("size=16m"));
  const Outcome outcome = audit(there);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_same(results_of(path("disk")), expected);
}

TEST_F(CliOutput, WhatAFullStandardOutputSwallowedIsNotSuccess) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"data", "list", "--json"}, {"--version"}, {"audit", "--help"}}) {
    const Outcome outcome = Process(command, "/dev/full").wait();
    EXPECT_EQ(outcome.exit_code, 3) << command.front();
    expect_one_line(outcome.err, {"cannot write"});
  }
}

class CliStore : public CliOutput {
 protected:
  void expect_store_refused(const Bytes& bytes) const {
    write(store(), bytes);
    expect_refused({}, ExitCode::bad_input, {store().string()});
  }
};

TEST_F(CliStore, AFileThatIsNoStoreIsRefusedAndKept) {
  expect_store_refused("this is no database, however long one waits");
  expect_store_refused("");
  expect_store_refused(Bytes(8192, '\0'));
}

TEST_F(CliStore, AnotherProgramsDatabaseIsRefusedAndKept) {
  auto other = sqlite::Database::in_memory("other");
  other.execute("CREATE TABLE points (point INTEGER); INSERT INTO points VALUES (1)");
  const std::vector<std::byte> bytes = other.serialize();
  expect_store_refused({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

TEST_F(CliStore, ATruncatedOrDamagedStoreIsRefusedAndKept) {
  ASSERT_EQ(audit().exit_code, 0);
  const Bytes whole = read(store());
  for (const std::size_t length : {std::size_t{50}, std::size_t{4096}, whole.size() / 2, whole.size() - 1}) {
    SCOPED_TRACE(length);
    expect_store_refused(whole.substr(0, length));
    const Outcome report = run({"report", out().string()});
    EXPECT_EQ(report.exit_code, 3);
    expect_one_line(report.err, {store().string()});
    EXPECT_TRUE(read(store()) == whole.substr(0, length));
  }
  Bytes damaged = whole;
  for (std::size_t i = 4096; i < 8192; ++i) damaged[i] = static_cast<char>(i * 7);
  expect_store_refused(damaged);
}

TEST_F(CliStore, AFolderInItsPlaceIsRefusedAndKept) {
  fs::create_directories(store());
  expect_refused({}, ExitCode::bad_input, {store().string()});
}

TEST_F(CliStore, AnotherConfigurationIsRefusedNamingWhatDiffers) {
  ASSERT_EQ(audit().exit_code, 0);
  const std::string where = out().string();
  expect_refused({{"--samples", "3"}}, ExitCode::usage, {where, "points (stored 2, now 3)"});
  expect_refused({{"--format", "fp16"}}, ExitCode::usage, {where, "formats", "fp16/chain"});
  expect_refused({{"--choices", "native,beta=2"}, {"--form", "composed"}}, ExitCode::usage,
                 {where, "choices", "beta=2", "form", "composed"});
  expect_refused({{"--seed", "9"}, {"--shuffle", ""}, {"--batch", "2"}, {"--max-bits", "512"}},
                 ExitCode::usage, {where, "seed", "shuffle", "batch", "reference.max_bits"});
  expect_refused({{"--split", "train"}}, ExitCode::usage, {where, "split", "data_sha256"});
}

TEST_F(CliStore, AChangedCheckpointOfTheSameNameIsAnotherConfiguration) {
  const std::string named = model("mlp:1x8");
  ASSERT_EQ(audit({{"--model", named}}).exit_code, 0);
  Checkpoint checkpoint = fresh_checkpoint("mlp:1x8");
  checkpoint.tensors.front().values[0] += 1;
  write(named.substr(named.find('/')), bytes_of(checkpoint));
  expect_refused({{"--model", named}}, ExitCode::usage, {out().string(), "model_sha256"});
}

}  // namespace
}  // namespace gradzone::test
