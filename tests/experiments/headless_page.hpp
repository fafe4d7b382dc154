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

/// The driver around the uses of a page: it frames report.html at the exact width after its # (a headless
/// window has a least width), uses it, and prints what it saw as JSON into its element "seen".
inline constexpr const char* driver_head =
    R"(<!doctype html><meta charset="utf-8"><style>body{margin:0}iframe{border:0;height:900px}</style>
<pre id="seen"></pre><script>
const frame = document.createElement('iframe');
frame.style.width = `${location.hash.slice(1)}px`;
frame.src = 'report.html';
const drawn = (canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((x) => x !== 0);
frame.onload = () => setTimeout(() => {
  const seen = {}, d = frame.contentDocument;
  const overflow = () => d.documentElement.scrollWidth - d.documentElement.clientWidth;
  const press = (id, text) => [...d.querySelectorAll(`#${id} button`)].find((b) => b.textContent.startsWith(text))?.click();
  // What all CSV buttons save, by file name, as lines. A file that two of them save counts once.
  // A true blob is read by another process, for which virtual time does not wait.
  const saved_files = () => {
    const saved = {}, w = frame.contentWindow;
    let text = '';
    w.Blob = class { constructor(parts) { text = parts.join(''); } };
    w.URL.createObjectURL = () => '#';
    w.HTMLAnchorElement.prototype.click = function () { saved[this.download] = text.trimEnd().split('\n'); };
    for (const button of d.querySelectorAll('.save button, .csv button')) button.click();
    return saved;
  };
  seen.overflow = overflow();
)";
inline constexpr const char* driver_tail = R"(
  document.getElementById('seen').textContent =
    JSON.stringify(seen).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}, 300);
document.body.append(frame);
</script>)";

/// Opens pages below a folder of its own. `uses` is JavaScript that fills `seen`; it has the framed document
/// `d`, overflow(), drawn(canvas), saved_files() and press(id of a part, beginning of a button's text).
class HeadlessPage : public testing::Test {
 protected:
  explicit HeadlessPage(const char* uses) : uses_(uses) {}

  void SetUp() override {
    if (!has_chromium()) GTEST_SKIP() << "chromium is not installed: the report was not opened";
    folder_ = std::filesystem::temp_directory_path() / ("gradzone-report-page-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "driver.html") << driver_head << uses_ << driver_tail;
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
  const char* uses_;
};

}  // namespace gradzone::tests
