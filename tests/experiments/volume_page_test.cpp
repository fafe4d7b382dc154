// Opens the page of a volume study in headless Chromium at phone and desktop width, light and dark, and uses
// it.
#include "experiments/headless_page.hpp"
#include "gradzone/report/html.hpp"
#include "support/made_up_volume.hpp"

namespace gradzone {
namespace {

using tests::HeadlessPage;
using tests::made_up_volume;
using tests::Visit;

/// Looks at the page, sorts and filters its tables, switches formats, and looks at what its buttons save.
constexpr const char* uses =
    R"(
  const rows = (id) => [...d.querySelectorAll(`#${id} tbody tr`)];
  const cells = (id, column) => rows(id).map((row) => row.cells[column].textContent);
  const set = (node, value, type) => { node.value = value; node.dispatchEvent(new Event(type)); };
  const canvases = () => [...d.querySelectorAll('canvas')];
  seen.figures = canvases().length;
  seen.blank = canvases().filter((canvas) => !drawn(canvas)).length;
  seen.unnamed = canvases().filter((c) => c.getAttribute('role') !== 'img' || !c.ariaLabel).length;
  seen.statistic = d.querySelector('#statistic-chart canvas')?.ariaLabel ?? '';
  seen.empty = [...d.querySelectorAll('.empty')].map((node) => node.textContent);
  seen.injected = d.querySelectorAll('img, b.hostile').length;
  seen.inits = rows('inits-table').length;
  seen.points = rows('points-table').length;
  seen.certified = d.querySelector('#certified-words').textContent;
  seen.saved = saved_files();
  if (seen.points) {
    press('inits-table', 'Hits');
    press('inits-table', 'Hits');
    seen.most_hits = cells('inits-table', 4)[0];
    press('points-table', 'Sum of');
    press('points-table', 'Sum of');
    seen.largest = cells('points-table', 9)[0];
    set(d.querySelectorAll('#points-filters select')[1], 'not certified', 'change');
    seen.zones = [...new Set(cells('points-table', 3))].join();
    seen.bounds = [...new Set(cells('points-table', 6))].join();
    set(d.querySelector('#points-filters input'), 'no such thing', 'input');
    seen.nothing = d.querySelector('#points-table').textContent;
    press('norm-switch', 'all');
    press('format-picker', 'fp16');
    seen.shown = d.querySelector('#causes-title').textContent;
  }
  seen.overflow = Math.max(seen.overflow, overflow());
)";

class VolumePage : public HeadlessPage {
 protected:
  VolumePage() : HeadlessPage(uses) {}
};

TEST_F(VolumePage, IsUsableAtEveryWidthInLightAndDark) {
  write_report(folder_, made_up_volume(30, {"fp32/chain", "fp16/chain", "bf16/bias-first"}));
  for (const int width : {360, 768, 1280}) {
    for (const bool dark : {false, true}) {
      SCOPED_TRACE(testing::Message() << width << (dark ? " dark" : " light"));
      const Visit page = visit(width, dark);
      ASSERT_TRUE(page.seen.is_object());
      EXPECT_EQ(page.complaints, "");
      EXPECT_LE(page.seen["overflow"], 0);
      EXPECT_EQ(page.seen["figures"], 5);
      EXPECT_EQ(page.seen["blank"], 0);
      EXPECT_EQ(page.seen["unnamed"], 0);
      EXPECT_EQ(page.seen["empty"], nlohmann::json::array());
      EXPECT_EQ(page.seen["inits"], 25);
      EXPECT_EQ(page.seen["points"], 25);
      EXPECT_EQ(page.seen["most_hits"], "3");
      EXPECT_EQ(page.seen["largest"], "1.2e−6");
      EXPECT_EQ(page.seen["zones"], "not certified");
      EXPECT_EQ(page.seen["bounds"], "–");
      EXPECT_EQ(page.seen["nothing"], "No mini-batch fits these filters.");
      EXPECT_EQ(page.seen["shown"], "Causes: what makes the floats disagree in fp16");
    }
  }
}

TEST_F(VolumePage, EachPictureCanBeTakenAwayAsATable) {
  write_report(folder_, made_up_volume(30, {"fp32/chain"}));
  const auto saved = visit(1280, false).seen["saved"];
  EXPECT_EQ(saved["hits-initialisations.csv"],
            nlohmann::json::parse(R"(["format,of,hits,share,ci95_low,ci95_high",
                                      "fp32/chain,30,15,0.5,0.31297,0.68703"])"));
  EXPECT_EQ(saved["hits-batches.csv"][1].get<std::string>().substr(0, 24), "fp32/chain,300,45,0.15,0");
  EXPECT_EQ(saved["zones.csv"].size(), 5u);
  EXPECT_EQ(
      saved["causes-fp32-chain.csv"],
      nlohmann::json::parse(R"(["format,layer,cause,mini_batches","fp32/chain,features.2,false tie,15"])"));
  EXPECT_EQ(saved["statistic-fp32-chain.csv"][0],
            "format,statistic,from,to,regular,compensation,bifurcation,not certified");
  EXPECT_EQ(saved["statistic-fp32-chain.csv"][1], "fp32/chain,stat_inf,0,0,15,0,0,240");
  EXPECT_EQ(saved["thresholds-fp32-chain.csv"].size(),
            1u + 3 * 5 + 2 * 4);  // the best possible ones know certified points only
  EXPECT_EQ(saved["shares.csv"].size(), 1u + 8);
}

TEST_F(VolumePage, WithoutAHitItSaysSo) {
  write_report(folder_, made_up_volume(3, {"fp32/chain"}, "", false));
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_LE(page.seen["overflow"], 0);
  EXPECT_EQ(page.seen["blank"], 0);
  EXPECT_EQ(page.seen["figures"], 3);  // hits of both kinds, and the statistic
  EXPECT_EQ(page.seen["points"], 0);
  EXPECT_EQ(page.seen["inits"], 3);
  EXPECT_NE(page.seen["statistic"].get<std::string>().find("0: 30 not certified"), std::string::npos);
  EXPECT_EQ(page.seen["empty"].back(), "No mini-batch differs, and none was certified.");
  EXPECT_EQ(page.seen["certified"], "Certified: 0 of 30 mini-batches and 0 of 0 hits in fp32.");
}

TEST_F(VolumePage, HostileNamesAreShownAndNeverRun) {
  const std::string hostile =
      "</script><script>console.error(1)</script><img src=x onerror=console.error(2)><b class=hostile>";
  write_report(folder_, made_up_volume(4, {"fp32/chain"}, hostile));
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["injected"], 0);
  EXPECT_LE(page.seen["overflow"], 0);
}

}  // namespace
}  // namespace gradzone
