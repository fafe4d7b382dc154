#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/volume_record.hpp"
#include "gradzone/study/volume_summary.hpp"
#include "support/made_up_results.hpp"
#include "support/made_up_volume.hpp"
#include "support/page_parts.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

using tests::between;
using tests::count;
using tests::data_of;
using tests::made_up_volume;

std::string advice_of(const std::string& page) {
  return between(page, "<ul class=\"advice\">", "</ul>");
}

TEST(VolumeHtml, HeadlineGivesHitsAndProvenZonesOnly) {
  const std::string page = render_report(made_up_volume(20, {"fp16/chain"}));
  EXPECT_EQ(between(page, "<p class=\"headline\">", "</p>"),
            "fp16: 10 of 20 initialisations (50\u00a0%) and 30 of 200 mini-batches (15\u00a0%) are hit. Of "
            "30 certified "
            "mini-batches, 10 are bifurcations, 10 are compensation (cause: false tie, first at features.2), "
            "10 are regular, none undecided; 10 hits are not certified and have no zone.");
  EXPECT_NE(between(page, "<p class=\"meaning\">", "</p>").find("3 of each initialisation were drawn"),
            std::string::npos);
}

TEST(VolumeHtml, WithoutAHitOrACertificateNothingIsSaidOfZones) {
  const std::string none = render_report(made_up_volume(3, {"fp32/chain"}, "", false));
  EXPECT_EQ(between(none, "<p class=\"headline\">", "</p>"),
            "fp32: no hit on 30 mini-batches from 3 initialisations. No mini-batch was certified.");
  EXPECT_EQ(advice_of(none), "");
  const nlohmann::json data = data_of(none);
  EXPECT_EQ(data["statistics"]["fp32/chain"]["inf"],
            nlohmann::json::parse(R"([{"decade": "zero", "zones": {"regular": 0, "bifurcation": 0,
                                      "compensation": 0, "undecided": 0, "not certified": 30}}])"));
  EXPECT_TRUE(data["table"]["rows"].empty());

  VolumeResults results = made_up_volume(2, {"fp32/chain"});
  std::erase_if(results.points, [](const VolumePoint& p) { return p.certified; });
  const std::string page = render_report(results);
  EXPECT_NE(between(page, "<p class=\"headline\">", "</p>")
                .find("No mini-batch was certified, so no zone is known."),
            std::string::npos);
  EXPECT_EQ(advice_of(page), "");
  const nlohmann::json uncertified = data_of(page);
  for (const auto& rule : uncertified["thresholds"]["fp32/chain"]) EXPECT_FALSE(rule.contains("matrix"));
}

TEST(VolumeHtml, AdviceNamesFormatsAndLayersOfWhatIsProven) {
  const std::string advice = advice_of(render_report(made_up_volume(4, {"fp16/chain", "fp32/pairwise"})));
  EXPECT_EQ(count(advice, "<li>"), 2u);
  EXPECT_NE(advice.find("Bifurcations (fp16; fp32/pairwise): "), std::string::npos) << advice;
  EXPECT_NE(advice.find("Fix the choice"), std::string::npos);
  EXPECT_NE(advice.find("False ties (fp16 at features.2; fp32/pairwise at features.2): "), std::string::npos);
  EXPECT_LT(advice.find("Bifurcations"), advice.find("False ties"));
}

TEST(VolumeHtml, SharesHaveTheIntervalsOfTheSummary) {
  const VolumeResults results = made_up_volume(20, {"fp16/chain"});
  const nlohmann::json shares = data_of(render_report(results))["shares"]["fp16/chain"];
  const FormatVolume volume = by_format(results).front();
  EXPECT_EQ(shares[0]["what"], "hit");
  EXPECT_EQ(shares[0]["initialisations"]["count"], 10);
  EXPECT_EQ(shares[0]["initialisations"]["low"], volume.hit.inits.ci95.low);
  EXPECT_EQ(shares[0]["batches"]["high"], volume.hit.batches.ci95.high);
  EXPECT_EQ(shares[1]["batches"]["count"], volume.on_kink.batches.count);
}

TEST(VolumeHtml, UncertifiedMiniBatchesAreAClassOfTheirOwn) {
  const nlohmann::json data = data_of(render_report(made_up_volume(2, {"fp32/chain"})));
  // 20 mini-batches: 16 that do not differ and one regular at zero, 3 hits of which one is not certified.
  const auto& bins = data["statistics"]["fp32/chain"]["inf"];
  ASSERT_EQ(bins.size(), 3u);
  EXPECT_EQ(bins[0]["decade"], "zero");
  EXPECT_EQ(bins[0]["zones"]["not certified"], 16);
  EXPECT_EQ(bins[0]["zones"]["regular"], 1);
  EXPECT_EQ(bins[1]["zones"]["compensation"], 1);  // 3e-7
  EXPECT_EQ(bins[1]["zones"]["bifurcation"], 1);   // 6e-7
  EXPECT_EQ(bins[2]["decade"], -6);
  EXPECT_EQ(bins[2]["zones"]["not certified"], 1);  // 1.2e-6
  for (const auto& rule : data["thresholds"]["fp32/chain"]) {
    if (rule["tau"] != 1e-6) continue;
    EXPECT_EQ(rule["uncertified"], nlohmann::json::parse(R"({"above": 1, "below": 16})"));
    EXPECT_EQ(rule["matrix"]["below"]["bifurcation"], 1);
  }
  const auto& rows = data["table"]["rows"];
  ASSERT_EQ(rows.size(), 4u);
  const auto text = [&](std::size_t row, std::size_t column) {
    return data["table"]["strings"][rows[row][column].get<std::size_t>()];
  };
  EXPECT_EQ(text(3, 7), "not certified");
  EXPECT_TRUE(rows[3][12].is_null()) << "a bound without proof";
  EXPECT_EQ(text(3, 3), "yes");
  EXPECT_EQ(text(2, 3), "no");
}

TEST(VolumeHtml, CausesAreInForwardOrderOfTheNetwork) {
  VolumeResults results = made_up_volume(4, {"fp32/chain"}, "features.5");
  results.points[0].point.cause_layer = "features.2";
  results.points[4].point.cause_layer =
      "classifier.1";  // before features in the alphabet, behind it in LeNet-5
  const auto causes = data_of(render_report(results))["causes"]["fp32/chain"];
  ASSERT_EQ(causes.size(), 2u);
  EXPECT_EQ(causes[0]["layer"], "features.2");
  EXPECT_EQ(causes[1]["layer"], "classifier.1");
}

TEST(VolumeHtml, MoreMiniBatchesThanTheTableHoldsKeepTheCertifiedAndSaySo) {
  VolumeResults results = made_up_volume(2, {"fp32/chain"});
  const VolumePoint uncertified = results.points.back();
  results.points.insert(results.points.begin(), 20000, uncertified);
  const auto table = data_of(render_report(results))["table"];
  EXPECT_EQ(table["rows"].size(), 20000u);
  EXPECT_EQ(table["omitted"], 4);
  std::size_t bifurcations = 0;
  for (const auto& row : table["rows"])
    bifurcations += table["strings"][row[7].get<std::size_t>()] == "bifurcation";
  EXPECT_EQ(bifurcations, 1u);
}

TEST(VolumeHtml, HostileNamesStayText) {
  const std::string hostile = "</script><script>alert(1)</script>";
  VolumeResults results = made_up_volume(2, {"fp32/chain"}, hostile);
  results.command = hostile;
  const std::string page = render_report(results);
  EXPECT_EQ(count(page, "<script"), 3u);
  EXPECT_EQ(data_of(page)["provenance"][0], (nlohmann::json{"command", hostile}));
}

/// Writes what a study leaves.
void write_study(const std::filesystem::path& folder, const VolumeResults& results) {
  write_file_atomically(folder / "volume.json", results.configuration);
  write_file_atomically(folder / "volume.csv", volume_csv(results.rows));
  write_file_atomically(folder / "points.csv", volume_points_csv(results.points));
}

TEST(VolumeRecord, AFinishedFolderGivesThePageOfTheStudy) {
  const support::ScratchFolder folder;
  const VolumeResults results = made_up_volume(6, {"fp32/chain"});
  write_study(folder.path(), results);
  write_file_atomically(folder.path() / "summary.json", volume_summary_json(results));
  const VolumeResults loaded = load_volume(folder.path());
  EXPECT_EQ(loaded.command, results.command);
  EXPECT_EQ(loaded.inits, 6);
  EXPECT_EQ(volume_summary_json(loaded), volume_summary_json(results));
  EXPECT_EQ(render_report(loaded), render_report(results));
}

TEST(VolumeRecord, AStudyUnderWayIsReadAsFarAsItIs) {
  const support::ScratchFolder folder;
  VolumeResults results = made_up_volume(6, {"fp32/chain"});
  write_study(folder.path(), results);
  const VolumeResults loaded = load_volume(folder.path());
  EXPECT_EQ(loaded.command, "gradzone volume");
  EXPECT_EQ(loaded.inits, 6);
  results.rows.clear();
  results.points.clear();
  write_study(folder.path(), results);
  EXPECT_THROW(load_volume(folder.path()), InputError);
}

TEST(VolumeRecord, DamagedFilesAreNamed) {
  const support::ScratchFolder folder;
  const VolumeResults results = made_up_volume(2, {"fp32/chain"});
  const auto expect_named = [&](const char* file, const std::string& text) {
    write_study(folder.path(), results);
    write_file_atomically(folder.path() / file, text);
    try {
      load_volume(folder.path());
      ADD_FAILURE() << file << ": " << text;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(file), std::string::npos) << error.what();
    }
  };
  expect_named("volume.json", "no JSON {");
  expect_named("volume.json", "[]");
  expect_named("volume.json", R"({"command": "x", "hit": "sometimes", "formats": ["fp32/chain"]})");
  expect_named("volume.json", R"({"command": "x", "hit": "any", "formats": ["fp31/chain"]})");
  expect_named("volume.json", R"({"command": "x", "hit": "any", "formats": [3]})");
  expect_named("volume.csv", "format\n");
  expect_named("points.csv", "format\n");
  expect_named("summary.json", "{}");
}

}  // namespace
}  // namespace gradzone
