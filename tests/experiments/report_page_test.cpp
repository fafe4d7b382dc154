// Opens the report in headless Chromium, as a reader would, at phone and desktop width, light and dark, and
// uses it: nothing may overflow, fail, or ask the network for anything. Skipped where Chromium is not
// installed.
#include "experiments/headless_page.hpp"
#include "gradzone/report/html.hpp"
#include "support/made_up_results.hpp"

namespace gradzone {
namespace {

using tests::HeadlessPage;
using tests::made_up_results;
using tests::read;
using tests::Visit;

/// Looks at the report, then pages, sorts, filters and switches.
constexpr const char* uses =
    R"(
  const rows = (id) => [...d.querySelectorAll(`#${id} tbody tr`)];
  const set = (node, value, type) => { node.value = value; node.dispatchEvent(new Event(type)); };
  seen.figures = d.querySelectorAll('.chart canvas').length;
  seen.pictures = d.querySelectorAll('.card canvas').length;
  seen.blank = [...d.querySelectorAll('canvas')].filter((canvas) => !drawn(canvas)).length;
  seen.unnamed = [...d.querySelectorAll('canvas:not([aria-hidden])')].filter((c) => c.getAttribute('role') !== 'img' || !c.ariaLabel).length;
  seen.empty = [...d.querySelectorAll('.empty')].map((node) => node.textContent);
  seen.formats = d.querySelectorAll('#format-picker button').length;
  seen.injected = d.querySelectorAll('img, b.hostile').length;
  seen.layer = d.querySelector('#branches-table tbody td')?.textContent ?? '';
  seen.rows = rows('points-table').length;
  seen.saved = saved_files();
  seen.reachable = [...d.querySelectorAll('.csv button')].every((b) => b.tabIndex === 0 && b.ariaLabel.startsWith('CSV: '));
  if (seen.rows) {
    press('points-pager', 'Next');
    seen.second_page = rows('points-table').length && rows('points-table')[0].cells[0].textContent;
    press('points-table', 'ΔF');
    press('points-table', 'ΔF');
    seen.largest = rows('points-table')[0].cells[5].textContent;
    seen.sorted = d.querySelector('th[aria-sort]').ariaSort;
    set(d.querySelector('#points-filters select'), 'bifurcation', 'change');
    seen.filtered = [...new Set(rows('points-table').map((row) => row.cells[1].textContent))].join();
    set(d.querySelector('#points-filters input'), 'no such thing', 'input');
    seen.nothing = d.querySelector('#points-table').textContent;
    press('norm-switch', 'all');
    press('choice-switch', 'minimal');
    press('format-picker', 'fp16');
    seen.shown = d.querySelector('#causes-title').textContent;
    seen.overflow = Math.max(seen.overflow, overflow());
  }
)";

class ReportPage : public HeadlessPage {
 protected:
  ReportPage() : HeadlessPage(uses) {}
};

TEST_F(ReportPage, IsUsableAtEveryWidthInLightAndDark) {
  write_report(folder_, made_up_results(64, {"fp32/chain", "fp16/chain", "bf16/pairwise"}));
  for (const int width : {360, 768, 1280}) {
    for (const bool dark : {false, true}) {
      SCOPED_TRACE(testing::Message() << width << (dark ? " dark" : " light"));
      const Visit page = visit(width, dark);
      ASSERT_TRUE(page.seen.is_object());
      EXPECT_EQ(page.complaints, "");
      EXPECT_LE(page.seen["overflow"], 0);
      EXPECT_EQ(page.seen["figures"], 5);
      EXPECT_EQ(page.seen["pictures"], 12);
      EXPECT_EQ(page.seen["blank"], 0);
      EXPECT_EQ(page.seen["unnamed"], 0);
      EXPECT_EQ(page.seen["empty"], nlohmann::json::array());
      EXPECT_EQ(page.seen["formats"], 3);
      EXPECT_EQ(page.seen["rows"], 25);
      EXPECT_EQ(page.seen["second_page"], "25");
      EXPECT_EQ(page.seen["largest"], "∞");
      EXPECT_EQ(page.seen["sorted"], "descending");
      EXPECT_EQ(page.seen["filtered"], "bifurcation");
      EXPECT_EQ(page.seen["nothing"], "No point fits these filters.");
      EXPECT_EQ(page.seen["shown"], "Causes: what makes the floats disagree in fp16");
    }
  }
}

TEST_F(ReportPage, EachPictureCanBeTakenAwayAsATable) {
  write_report(folder_, made_up_results(16, {"fp32/chain"}, "a \"quoted\", layer"));
  const auto seen = visit(1280, false).seen;
  EXPECT_TRUE(seen["reachable"]);
  const auto& saved = seen["saved"];
  std::vector<std::string> files;
  for (const auto& [file, lines] : saved.items()) files.push_back(file);
  EXPECT_EQ(files,
            (std::vector<std::string>{"bits-native.csv", "branches-fp32-chain.csv", "causes-fp32-chain.csv",
                                      "statistic-fp32-chain.csv", "thresholds-fp32-chain.csv",
                                      "tied-windows-fp32-chain.csv", "zones.csv"}));
  EXPECT_EQ(saved["zones.csv"][0], "format,zone,points,share,ci95_low,ci95_high");
  EXPECT_EQ(saved["zones.csv"][3], "fp32/chain,bifurcation,2,0.125,0.0155136,0.383476");
  EXPECT_EQ(saved["causes-fp32-chain.csv"][1], R"(fp32/chain,"a ""quoted"", layer",cancellation,2)");
  EXPECT_EQ(saved["bits-native.csv"][1], "fp32/chain,native,*,11.25,20.5");
  EXPECT_EQ(saved["branches-fp32-chain.csv"][0].get<std::string>().substr(0, 30),
            "format,layer,op,points,windows");
  EXPECT_EQ(saved["tied-windows-fp32-chain.csv"].size(), 1u + 12 * 3);
}

TEST_F(ReportPage, OneFormatNeedsNoPicker) {
  write_report(folder_, made_up_results(16, {"fp32/chain"}));
  const Visit page = visit(1280, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["formats"], 0);
}

TEST_F(ReportPage, NoPointsSayThatThereAreNone) {
  write_report(folder_, made_up_results(0, {}));
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_LE(page.seen["overflow"], 0);
  EXPECT_EQ(page.seen["rows"], 0);
  EXPECT_EQ(page.seen["empty"][0], "No point was audited.");
}

TEST_F(ReportPage, TenThousandPointsAreTurnedPageByPage) {
  write_report(folder_, made_up_results(10000, {"fp32/chain"}));
  const Visit page = visit(1280, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["rows"], 25);
  EXPECT_EQ(page.seen["filtered"], "bifurcation");
}

TEST_F(ReportPage, HostileNamesAreShownAndNeverRun) {
  const std::string hostile =
      "</script><script>console.error(1)</script><img src=x onerror=console.error(2)><b class=hostile>";
  write_report(folder_, made_up_results(16, {"fp32/chain"}, hostile));
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["injected"], 0);
  EXPECT_EQ(page.seen["layer"], hostile);
  EXPECT_LE(page.seen["overflow"], 0);
}

TEST_F(ReportPage, ABrokenPageWouldBeNoticed) {
  write_report(folder_, made_up_results(16, {"fp32/chain"}));
  std::string page = read(folder_ / "report.html");
  page.insert(page.find("show_page();"),
              "document.body.append(Object.assign(new Image(), {src: 'http://example.org/x.png'}));");
  page.replace(page.find("draw_bits();"), 12, "no_such_function();");
  std::ofstream(folder_ / "report.html", std::ios::binary) << page;
  const std::string complaints = visit(1280, false).complaints;
  EXPECT_NE(complaints.find("no_such_function"), std::string::npos) << complaints;
  EXPECT_NE(complaints.find("example.org"), std::string::npos) << complaints;
}

}  // namespace
}  // namespace gradzone
