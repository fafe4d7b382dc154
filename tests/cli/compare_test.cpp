// gradzone report of two folders: the page that compares them.
#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

class CliCompare : public CliTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(audit({{"--model", model("lenet5")}, {"--out", path("a").string()}}).exit_code, 0);
    ASSERT_EQ(
        audit({{"--model", model("lenet5")}, {"--out", path("b").string()}, {"--samples", "1"}}).exit_code,
        0);
  }
  Outcome volume() const {
    return run({"volume", "--net", "mlp:1x4", "--data", "glyphs:20", "--batch", "10", "--inits", "1",
                "--choices", "native,native+relu=1", "--quiet", "--out", path("volume").string()});
  }
};

TEST_F(CliCompare, TwoAuditsAreComparedInTheFileThatIsNamed) {
  const Contents a = contents_of(path("a"));
  const Outcome outcome =
      run({"report", path("a").string(), path("b").string(), "--compare", path("c.html").string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find(path("c.html").string() + " compares both\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find((path("b") / "report.html").string()), std::string::npos);
  const Bytes page = read(path("c.html"));
  EXPECT_NE(page.find("</html>"), std::string::npos);
  EXPECT_NE(page.find("Their configurations differ in points."), std::string::npos);
  expect_same(contents_of(path("a")), a);
}

TEST_F(CliCompare, WithoutANameItIsCompareHtmlHere) {
  const fs::path before = fs::current_path();
  fs::create_directories(path("here"));
  fs::current_path(path("here"));
  const Outcome outcome = run({"report", path("a").string(), path("b").string()});
  const Outcome one = run({"report", path("a").string(), "--quiet"});
  fs::current_path(before);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("compare.html compares both\n"), std::string::npos) << outcome.out;
  EXPECT_EQ(contents_of(path("here")).size(), 1u);
  EXPECT_EQ(one.out, "");
}

TEST_F(CliCompare, WhatCannotBeComparedIsRefusedBeforeAnythingIsWritten) {
  ASSERT_EQ(volume().exit_code, 0);
  fs::remove(path("a") / "report.html");
  const auto refused = [&](std::vector<std::string> folders, const std::vector<std::string>& named) {
    folders.insert(folders.begin(), "report");
    folders.insert(folders.end(), {"--compare", path("c.html").string()});
    const Outcome outcome = run(folders);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    expect_one_line(outcome.err, named);
    EXPECT_FALSE(fs::exists(path("c.html")));
    EXPECT_FALSE(fs::exists(path("a") / "report.html"));
  };
  refused({path("a").string()}, {"--compare", "1 given"});
  refused({path("a").string(), path("b").string(), path("b").string()}, {"--compare", "3 given"});
  refused({path("a").string(), path("volume").string()}, {"is an audit", "is a volume study"});
  fs::create_directories(path("training"));
  write(path("training") / "training.json", "{}");
  refused({path("training").string(), path("a").string()}, {"is a training", "is an audit"});
  refused({path("training").string(), path("training").string()}, {"is a training"});
  // Without --compare each page is written as before, and nothing is compared.
  const Outcome each = run({"report", path("a").string(), path("volume").string()});
  EXPECT_EQ(each.exit_code, 0) << each.err;
  EXPECT_EQ(each.out.find("compares"), std::string::npos);
}

}  // namespace
}  // namespace gradzone::test
