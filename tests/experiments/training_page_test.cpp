// Opens the page of a training in headless Chromium at phone and desktop width, light and dark, and uses it.
#include "experiments/headless_page.hpp"
#include "gradzone/report/html.hpp"
#include "support/made_up_training.hpp"

namespace gradzone {
namespace {

using tests::HeadlessPage;
using tests::made_up_published;
using tests::made_up_training;
using tests::Visit;

/// Looks at the page before and after its switches, and at what its buttons would save.
constexpr const char* uses =
    R"(
  const canvases = () => [...d.querySelectorAll('canvas')];
  seen.figures = canvases().length;
  const look = () => {
    seen.overflow = Math.max(seen.overflow, overflow());
    seen.blank = (seen.blank ?? 0) + canvases().filter((canvas) => !drawn(canvas)).length;
    seen.unnamed = (seen.unnamed ?? 0) + canvases().filter((c) => c.getAttribute('role') !== 'img' || !c.ariaLabel).length;
  };
  look();
  press('accuracy-switch', 'stretched');
  press('loss-switch', 'the training');
  press('zones-switch', 'fp16 composed, β\u00a0=\u00a01000');
  look();
  seen.zones_shown = d.querySelector('#zones-chart canvas')?.ariaLabel ?? '';
  seen.empty = [...d.querySelectorAll('.empty')].map((node) => node.textContent);
  seen.finals = d.querySelectorAll('#final-table tbody tr').length;
  seen.verdicts = [...d.querySelectorAll('#published-table tbody td:last-child')].map((node) => node.textContent);
  seen.hidden = [...d.querySelectorAll('section[hidden]')].map((node) => node.id);
  seen.injected = d.querySelectorAll('img, b.hostile').length;
  seen.saved = saved_files();
)";

class TrainingPage : public HeadlessPage {
 protected:
  TrainingPage() : HeadlessPage(uses) {}

  void write_page(const TrainingRecord& record, const std::vector<PublishedCurve>& published) {
    write_report(
        folder_, record,
        compare_with_published(record.network(), record.optimiser(), curves_of(record.trace), published));
  }
};

TEST_F(TrainingPage, IsUsableAtEveryWidthInLightAndDark) {
  const std::vector<double> betas{0, 1, 10, 100, 1000, 1e4};
  write_page(made_up_training(20, 3, betas), made_up_published(betas));
  for (const int width : {360, 768, 1280}) {
    for (const bool dark : {false, true}) {
      SCOPED_TRACE(testing::Message() << width << (dark ? " dark" : " light"));
      const Visit page = visit(width, dark);
      ASSERT_TRUE(page.seen.is_object());
      EXPECT_EQ(page.complaints, "");
      EXPECT_LE(page.seen["overflow"], 0);
      EXPECT_EQ(page.seen["figures"], 4 + 4 + 1);
      EXPECT_EQ(page.seen["blank"], 0);
      EXPECT_EQ(page.seen["unnamed"], 0);
      EXPECT_EQ(page.seen["empty"], nlohmann::json::array());
      EXPECT_EQ(page.seen["finals"], 24);
      EXPECT_EQ(page.seen["verdicts"].size(), 24u);
      EXPECT_EQ(page.seen["verdicts"][4], "differs");                  // fp16 direct, β = 1000
      EXPECT_EQ(page.seen["verdicts"][10], "collapsed as published");  // composed
      EXPECT_EQ(page.seen["verdicts"][23], "inside");
      EXPECT_EQ(page.seen["hidden"], nlohmann::json::array());
      EXPECT_NE(page.seen["zones_shown"].get<std::string>().find("6 no point"), std::string::npos);
      EXPECT_EQ(page.seen["saved"].size(), 5u + 4 + 4 + 1);  // the sections, and each picture
    }
  }
}

TEST_F(TrainingPage, FiguresCanBeTakenAwayAsTables) {
  write_page(made_up_training(5, 3, {0, 1000}), made_up_published({0, 1000}));
  const auto saved = visit(1280, false).seen["saved"];
  EXPECT_EQ(saved["accuracy.csv"].size(), 1u + 8 * 5);
  EXPECT_EQ(
      saved["accuracy.csv"][0],
      "format,form,beta,epoch,runs,test_accuracy_mean,test_accuracy_min,test_accuracy_max,published_mean,"
      "published_band_low,published_band_high");
  EXPECT_EQ(saved["accuracy.csv"][1], "fp16,direct,0,1,3,0.949,0.948,0.95,0.948,0.944,0.952");
  EXPECT_EQ(saved["loss.csv"].size(), 1u + 8 * 5);
  EXPECT_EQ(saved["loss.csv"][16], "fp16,composed,1000,1,3,,,,,,");
  EXPECT_EQ(saved["accuracy-fp16-composed.csv"].size(), 1u + 2 * 5);
  EXPECT_EQ(saved["accuracy-fp16-composed.csv"][0], saved["accuracy.csv"][0]);
  EXPECT_EQ(saved["train-loss-fp16-direct.csv"][0],
            "format,form,beta,epoch,runs,train_loss_mean,train_loss_min,train_loss_max");
  EXPECT_EQ(saved["zones-fp16-composed-1000.csv"].size(), 1u + 25);
  EXPECT_EQ(saved["published.csv"].size(), 1u + 8);
  EXPECT_EQ(saved["epoch-times.csv"].size(), 1u + 8);
}

TEST_F(TrainingPage, WithoutZonesTimesAndPublishedCurvesTheirSectionsAreGone) {
  TrainingRecord record = made_up_training(1, 1, {1});
  record.zones.clear();
  record.times.clear();
  write_report(folder_, record, {});
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_LE(page.seen["overflow"], 0);
  EXPECT_EQ(page.seen["blank"], 0);
  EXPECT_EQ(page.seen["figures"], 8);
  EXPECT_EQ(page.seen["hidden"], nlohmann::json::parse(R"(["published", "zones", "times"])"));
}

TEST_F(TrainingPage, HostileNamesAreShownAndNeverRun) {
  const std::string hostile =
      "</script><script>console.error(1)</script><img src=x onerror=console.error(2)><b class=hostile>";
  write_page(made_up_training(2, 1, {0, 1000}, hostile), made_up_published({0}));
  const Visit page = visit(360, false);
  EXPECT_EQ(page.complaints, "");
  EXPECT_EQ(page.seen["injected"], 0);
  EXPECT_LE(page.seen["overflow"], 0);
}

}  // namespace
}  // namespace gradzone
