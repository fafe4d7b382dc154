// Opens the page of ties in headless Chromium at phone and desktop width, light and dark, and uses it: by its
// buttons, by pointer and by keyboard. Skipped where Chromium is not installed.
#include "experiments/headless_page.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/report/html.hpp"
#include "support/made_up_ties.hpp"

namespace gradzone {
namespace {

using tests::HeadlessPage;
using tests::made_up_ties;
using tests::Visit;

constexpr const char* uses =
    R"(
  const text = (id) => d.getElementById(id).textContent;
  const canvas = (id) => d.querySelector(`#${id} canvas`);
  const pixels = (id) => canvas(id).toDataURL();
  const key = (id, name) => canvas(id).dispatchEvent(new frame.contentWindow.KeyboardEvent('keydown', {key: name, bubbles: true}));
  const point = (id, x, y) => {
    const box = canvas(id).getBoundingClientRect();
    canvas(id).dispatchEvent(new frame.contentWindow.PointerEvent('pointermove', {clientX: box.left + x * box.width, clientY: box.top + y * box.height}));
  };
  seen.headline = d.querySelector('.headline')?.textContent ?? '';
  seen.injected = d.querySelectorAll('img, b.hostile').length;
  seen.has_image = !d.getElementById('image-figure').hidden;
  seen.blank = [...d.querySelectorAll('canvas')].filter((c) => !drawn(c)).length;
  seen.unnamed = [...d.querySelectorAll('canvas:not([aria-hidden])')].filter((c) => !c.ariaLabel || c.tabIndex !== 0).length;
  seen.channels = d.querySelectorAll('#channels button').length;
  seen.omitted = text('omitted');
  seen.kinds = d.querySelectorAll('#kind-switch button').length;
  seen.verdict = text('verdict');
  if (seen.has_image) {
    const before = pixels('image'), map = pixels('map');
    press('kind-switch', 'equal');
    seen.toggled = pixels('image') !== before && pixels('map') !== map;
    seen.pressed = d.querySelector('#kind-switch [data-kind="1"]').ariaPressed;
    seen.keeps_focus = [...d.querySelectorAll('#kind-switch button')].length;
    press('kind-switch', 'equal');
    seen.back = pixels('image') === before;
    point('image', 7 / 28, 5 / 28);
    seen.pointed = text('window');
  }
  key('map', 'Enter');
  key('map', 'ArrowRight');
  key('map', 'ArrowDown');
  seen.walked = text('window');
  key('map', 'ArrowLeft');
  key('map', 'ArrowLeft');
  seen.real = text('window');
  press('channels', '1:');
  seen.channel = text('map-caption');
  seen.rows = d.querySelectorAll('#windows-table tbody tr').length;
  press('format-switch', 'fp16');
  seen.format = text('verdict');
  seen.kept = text('map-caption');
  press('layer-switch', 'features.6');
  seen.layer = text('map-caption');
  seen.counts = d.querySelectorAll('#counts-table tbody tr').length;
  seen.samples = d.querySelectorAll('#sample-switch button, #sample-switch option').length;
  press('sample-switch', '11');
  seen.sample = text('verdict');
  seen.overflow = Math.max(seen.overflow, overflow());
)";

class TiesPage : public HeadlessPage {
 protected:
  TiesPage() : HeadlessPage(uses) {}
  /// The driver opens report.html.
  void put(const TieResults& results) {
    write_file_atomically(folder_ / "report.html", render_ties_page(results));
  }
};

TEST_F(TiesPage, IsUsableAtEveryWidthInLightAndDark) {
  put(made_up_ties(2));
  for (const int width : {360, 768, 1280}) {
    for (const bool dark : {false, true}) {
      SCOPED_TRACE(testing::Message() << width << (dark ? " dark" : " light"));
      const Visit page = visit(width, dark);
      ASSERT_TRUE(page.seen.is_object());
      EXPECT_EQ(page.complaints, "");
      EXPECT_LE(page.seen["overflow"], 0);
      EXPECT_EQ(
          page.seen["headline"],
          "Image 10 (label 0) in fp32: 705 of 5772 windows tie: 118 among constants that pass no derivative, "
          "118 between equal patches, 118 between different patches, 118 falsely, 117 lost, 116 undecided. "
          "Zone compensation, cause false tie, first at features.2.");
      EXPECT_EQ(page.seen["has_image"], true);
      EXPECT_EQ(page.seen["blank"], 0);
      EXPECT_EQ(page.seen["unnamed"], 0);
      EXPECT_EQ(page.seen["channels"], 24);
      EXPECT_EQ(page.seen["kinds"], 6);
      EXPECT_EQ(page.seen["toggled"], true);
      EXPECT_EQ(page.seen["pressed"], "false");
      EXPECT_EQ(page.seen["back"], true);
      EXPECT_EQ(page.seen["counts"], 4);
      EXPECT_EQ(page.seen["samples"], 2);
    }
  }
}

TEST_F(TiesPage, SaysWhatItShows) {
  put(made_up_ties(2));
  const Visit page = visit(1280, false);
  const auto says = [&](const char* where, const char* what) {
    const std::string text = page.seen[where];
    EXPECT_NE(text.find(what), std::string::npos) << where << ": " << text;
  };
  says("omitted", "16 others in ties.csv only");
  says("verdict", "At features.2: 700 of 5,760 windows tie");
  says("pointed", "Row 1, column 2, which sees the pixels 4 to 9 across and 2 to 7 down.");
  says("pointed", "channels");
  says("walked", "Row 2, column 4");  // from (1, 2) on to the next tie, right, and down
  says("walked",
       "lost tie: the entries are 0.1328125, 0.125, –, 0.1328125 in floats; the maximum is at 1 in "
       "floats, over the reals at 1, 4. A nonzero derivative reaches it.");
  says("real", "a real tie between different patches: entries 1, 4 are all 0.1328125, in the floats");
  says("channel", "channel 1");
  EXPECT_EQ(page.seen["rows"], 144);
  says("format", "in fp16: compensation (cause: false tie, first at features.2; proof: structure)");
  says("kept", "channel 1");
  says("layer", "features.6, channel");
  says("sample", "Image 11, label 1");
}

TEST_F(TiesPage, WithoutAnImageThereAreTheFeatureMaps) {
  put(made_up_ties(1, "", false));
  const Visit page = visit(360, true);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["has_image"], false);
  EXPECT_EQ(page.seen["blank"], 0);
  EXPECT_LE(page.seen["overflow"], 0);
}

TEST_F(TiesPage, ManyImagesAreAList) {
  put(made_up_ties(30));
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["samples"], 30);
  EXPECT_LE(page.seen["overflow"], 0);
}

TEST_F(TiesPage, HostileNamesAreShownAndNeverRun) {
  put(made_up_ties(
      2, "</script><script>console.error(1)</script><img src=x onerror=console.error(2)><b class=hostile>"));
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["injected"], 0);
  EXPECT_LE(page.seen["overflow"], 0);
}

TEST_F(TiesPage, ABrokenPageWouldBeNoticed) {
  std::string page = render_ties_page(made_up_ties(1));
  page.replace(page.find("show_counts();\n}"), 14, "no_such_thing();");
  write_file_atomically(folder_ / "report.html", page);
  const std::string complaints = visit(1280, false).complaints;
  EXPECT_NE(complaints.find("no_such_thing"), std::string::npos) << complaints;
}

}  // namespace
}  // namespace gradzone
