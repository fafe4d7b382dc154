// Opens the page of two studies side by side in headless Chromium at phone and desktop width, light and dark,
// and uses it.
#include "experiments/headless_page.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/report/html.hpp"
#include "support/made_up_results.hpp"
#include "support/made_up_volume.hpp"

namespace gradzone {
namespace {

using tests::HeadlessPage;
using tests::made_up_results;
using tests::made_up_volume;
using tests::Visit;

/// Looks at the page, sorts and filters what changed, and switches formats and choices.
constexpr const char* uses =
    R"(
  const rows = (id) => [...d.querySelectorAll(`#${id} tbody tr`)];
  const set = (node, value, type) => { node.value = value; node.dispatchEvent(new Event(type)); };
  const canvases = () => [...d.querySelectorAll('canvas')].filter((c) => c.offsetParent !== null);
  seen.blank = canvases().filter((canvas) => !drawn(canvas)).length;
  seen.unnamed = canvases().filter((c) => c.getAttribute('role') !== 'img' || !c.ariaLabel).length;
  seen.figures = canvases().length;
  seen.hidden = [...d.querySelectorAll('section[hidden]')].map((node) => node.id);
  seen.injected = d.querySelectorAll('img, b.hostile').length;
  seen.zones = rows('zones-table').length;
  seen.words = d.querySelector('#transitions-words').textContent;
  seen.matrix = rows('transitions-table').map((row) => [...row.cells].slice(1).map((cell) => cell.textContent).join(' '));
  seen.changed = rows('changed-table').length;
  seen.saved = saved_files();
  if (seen.changed) {
    press('changed-table', 'ΔF A');
    press('changed-table', 'ΔF A');
    seen.sorted = d.querySelector('#changed-table th[aria-sort]').ariaSort;
    seen.largest = rows('changed-table')[0].cells[9].textContent;
    set(d.querySelector('#changed-filters select'), 'bifurcation', 'change');
    seen.filtered = [...new Set(rows('changed-table').map((row) => row.cells[1].textContent))].join();
  }
  press('choice-switch', 'minimal');
  press('format-picker', 'bf16');
  seen.alone = d.querySelector('#transitions-words').textContent;
  seen.still_shown = d.querySelector('#changed').offsetParent !== null;
  seen.overflow = Math.max(seen.overflow, overflow());
)";

class ComparePage : public HeadlessPage {
 protected:
  ComparePage() : HeadlessPage(uses) {}

  template <class Results>
  void write_page(const Results& a, const Results& b, const std::string& label = "one") {
    write_file_atomically(folder_ / "report.html",
                          render_comparison(Compared<Results>{label, a}, Compared<Results>{"two", b}));
  }
};

/// The second audit lost its bifurcations of one format, and has another format beside.
AuditResults changed_results() {
  AuditResults results = made_up_results(64, {"fp32/chain", "fp16/chain", "bf16/chain"});
  for (PointResult& result : results.points) {
    if (result.point.format == "fp32/chain" && result.point.zone == Zone::bifurcation)
      result.point.zone = Zone::regular;
  }
  return results;
}

TEST_F(ComparePage, IsUsableAtEveryWidthInLightAndDark) {
  write_page(made_up_results(64, {"fp32/chain", "fp16/chain"}), changed_results());
  for (const int width : {360, 1280}) {
    for (const bool dark : {false, true}) {
      SCOPED_TRACE(testing::Message() << width << (dark ? " dark" : " light"));
      const Visit page = visit(width, dark);
      ASSERT_TRUE(page.seen.is_object());
      EXPECT_EQ(page.complaints, "");
      EXPECT_LE(page.seen["overflow"], 0);
      EXPECT_EQ(page.seen["figures"], 3);  // zones, causes, bits
      EXPECT_EQ(page.seen["blank"], 0);
      EXPECT_EQ(page.seen["unnamed"], 0);
      EXPECT_EQ(page.seen["hidden"], nlohmann::json::parse(R"(["hits"])"));
      EXPECT_EQ(page.seen["zones"], 3 * 4);
      EXPECT_EQ(
          page.seen["words"],
          "Of 64 samples that both audited, 8 changed zone. Rows are the zone in A, columns the zone in B.");
      EXPECT_EQ(page.seen["matrix"],
                nlohmann::json::parse(R"(["8 0 0 0", "0 40 0 0", "8 0 0 0", "0 0 0 8"])"));
      EXPECT_EQ(page.seen["changed"], 8);
      EXPECT_EQ(page.seen["sorted"], "descending");
      EXPECT_EQ(page.seen["largest"], "1.4e−6");
      EXPECT_EQ(page.seen["filtered"], "bifurcation");
      EXPECT_EQ(page.seen["alone"], "Only one of the two has this format.");
      EXPECT_FALSE(page.seen["still_shown"]);
    }
  }
}

TEST_F(ComparePage, EachPictureCanBeTakenAwayAsATable) {
  write_page(made_up_results(64, {"fp32/chain", "fp16/chain"}), changed_results());
  const auto saved = visit(1280, false).seen["saved"];
  EXPECT_EQ(saved["zones.csv"].size(), 1u + 5 * 4);
  EXPECT_EQ(saved["zones.csv"][3].get<std::string>().substr(0, 34), "fp32/chain (A),bifurcation,8,0.125");
  EXPECT_EQ(saved["causes-fp32.csv"].size(), 1u + 5 * 2);
  EXPECT_EQ(saved["transitions-fp32.csv"][3], "bifurcation,8,0,0,0");
  EXPECT_EQ(saved["bits-fp32-native.csv"].size(), 1u + 2 * 2);
}

TEST_F(ComparePage, VolumesShowTheirHits) {
  write_page(made_up_volume(30, {"fp32/chain"}), made_up_volume(30, {"fp32/chain", "bf16/chain"}, "", false));
  const Visit page = visit(360, true);
  EXPECT_EQ(page.complaints, "");
  EXPECT_LE(page.seen["overflow"], 0);
  EXPECT_EQ(page.seen["blank"], 0);
  EXPECT_EQ(page.seen["figures"], 2 + 1 + 1);
  EXPECT_EQ(page.seen["hidden"], nlohmann::json::parse(R"(["bits"])"));
  EXPECT_EQ(page.seen["words"], "Points are not followed one by one: a volume study counts them.");
  EXPECT_EQ(page.seen["saved"]["hits-initialisations.csv"].size(), 1u + 3);
}

TEST_F(ComparePage, NothingToCompareIsSaid) {
  write_page(made_up_results(0, {}), made_up_results(0, {}));
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_LE(page.seen["overflow"], 0);
  EXPECT_EQ(page.seen["figures"], 0);
}

TEST_F(ComparePage, HostileNamesAreShownAndNeverRun) {
  const std::string hostile =
      "</script><script>console.error(1)</script><img src=x onerror=console.error(2)><b class=hostile>";
  write_page(made_up_results(16, {"fp32/chain"}, hostile), made_up_results(8, {"fp32/chain"}, hostile),
             hostile);
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["injected"], 0);
  EXPECT_LE(page.seen["overflow"], 0);
}

}  // namespace
}  // namespace gradzone
