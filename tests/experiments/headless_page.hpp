// A report in headless Chromium, as a reader sees it. Skipped where Chromium is not installed.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace gradzone::tests {

inline std::string shell_quoted(const std::filesystem::path& path) {
  return "'" + path.string() + "'";
}

inline bool has_chromium() {
  return std::system("command -v chromium >/dev/null 2>&1") == 0;
}

inline std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Visit {
  nlohmann::json seen;
  std::string complaints;  ///< console lines: errors, blocked requests
};

/// Opens pages below a folder of its own with a driver: a page that frames report.html at the width after its
/// #, uses it, and prints what it saw as JSON into its element "seen".
class HeadlessPage : public testing::Test {
 protected:
  explicit HeadlessPage(const char* driver) : driver_(driver) {}

  void SetUp() override {
    if (!has_chromium()) GTEST_SKIP() << "chromium is not installed: the report was not opened";
    folder_ = std::filesystem::temp_directory_path() / ("gradzone-report-page-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "driver.html") << driver_;
  }
  void TearDown() override {
    std::error_code still_in_use;  // the browser's last processes may be writing there
    if (!folder_.empty()) std::filesystem::remove_all(folder_, still_in_use);
  }

  Visit visit(int width, bool dark) {
    const std::string command =
        "chromium --headless --no-sandbox --disable-gpu --allow-file-access-from-files "
        "--virtual-time-budget=8000 "
        "--host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr --window-size=1400,1000 --dump-dom "
        "--blink-settings=preferredColorScheme=" +
        std::string(dark ? "0" : "1") + " --user-data-dir=" + shell_quoted(folder_ / "profile") +
        " 'file://" + (folder_ / "driver.html").string() + "#" + std::to_string(width) + "' >" +
        shell_quoted(folder_ / "dom") + " 2>" + shell_quoted(folder_ / "log");
    EXPECT_EQ(std::system(command.c_str()), 0) << read(folder_ / "log");
    Visit result;
    std::ifstream log(folder_ / "log");
    for (std::string line; std::getline(log, line);) {
      if (line.find("CONSOLE") != std::string::npos) result.complaints += line + "\n";
    }
    const std::string dom = read(folder_ / "dom");
    const std::size_t begin = dom.find("<pre id=\"seen\">") + 15;
    result.seen = nlohmann::json::parse(dom.substr(begin, dom.find("</pre>", begin) - begin), nullptr, false);
    EXPECT_TRUE(result.seen.is_object()) << "the page could not be used\n" << result.complaints;
    return result;
  }

  std::filesystem::path folder_;

 private:
  const char* driver_;
};

}  // namespace gradzone::tests
