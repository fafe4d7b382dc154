#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <numeric>
#include <stop_token>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/study/volume_study.hpp"
#include "gradzone/study/volume_summary.hpp"
#include "gradzone/zones/auditor.hpp"
#include "gradzone/zones/census.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  const std::vector<std::byte> bytes = read_file(file, std::size_t{1} << 30);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What must be the same whatever happened on the way.
std::vector<std::string> results_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const char* file : {"volume.json", "volume.csv", "points.csv", "summary.json"})
    out.push_back(text_of(folder / file));
  return out;
}

/// Five mini-batches a pass, the last one of ten images, in which ties abound.
VolumeStudy small_study() {
  VolumeStudy study;
  study.net = "lenet5";
  study.data = "glyphs:90";
  study.formats = {{FormatId::fp32, Order::chain}, {FormatId::fp16, Order::chain}};
  study.inits = 4;
  study.batch = 20;
  study.seed = 7;
  study.certify = CertificateRule::parse("1");
  return study;
}

TEST(HitRule, IsReadBackAndOthersRefused) {
  for (const char* text : {"any", "first-layer", "tau=1e-07", "tau=0"})
    EXPECT_EQ(HitRule::parse(text).text(), text);
  for (const char* text : {"", "all", "tau", "tau=", "tau=-1", "tau=inf", "tau=1e-7x", "1e-7"})
    EXPECT_THROW(HitRule::parse(text), UsageError) << text;
}

TEST(HitRule, ComparesWhatItsPaperCompares) {
  FloatDifference d;
  d.inf = d.l1 = 1e-9;
  d.stat_inf = d.stat_l1 = 2e-9;
  EXPECT_TRUE(HitRule::parse("any").is_hit(d));
  EXPECT_FALSE(HitRule::parse("first-layer").is_hit(d));
  EXPECT_FALSE(HitRule::parse("tau=2e-9").is_hit(d));
  EXPECT_TRUE(HitRule::parse("tau=1e-9").is_hit(d));
  d.first = 1e-9;
  EXPECT_TRUE(HitRule::parse("first-layer").is_hit(d));
  EXPECT_FALSE(HitRule::parse("any").is_hit({}));
  EXPECT_FALSE(HitRule::parse("tau=0").is_hit({}));
}

TEST(CertificateRule, IsReadBackAndOthersRefused) {
  for (const char* text : {"none", "hits", "all", "12"}) EXPECT_EQ(CertificateRule::parse(text).text(), text);
  for (const char* text : {"", "some", "0", "-3", "1.5"})
    EXPECT_THROW(CertificateRule::parse(text), UsageError) << text;
}

TEST(Formats, WithoutAnOrderAreCrossedWithOrders) {
  const std::vector<Format> crossed = cross_formats("fp32,fp16/pairwise,fp64", "chain,bias-first");
  EXPECT_EQ(crossed, parse_formats("fp32/chain,fp32/bias-first,fp16/pairwise,fp64/chain,fp64/bias-first"));
  EXPECT_EQ(cross_formats("fp16-tc,fp16", "chain,pairwise"), parse_formats("fp16-tc,fp16,fp16/pairwise"));
  EXPECT_THROW(cross_formats("fp32,fp32/chain", "chain"), UsageError);
  EXPECT_THROW(cross_formats("fp32", "chain,chain"), UsageError);
  EXPECT_THROW(cross_formats("fp32", "sideways"), UsageError);
}

TEST(SettledAfter, IsTheSmallestNumberWhoseIntervalIsNarrowEnough) {
  std::vector<bool> hits;
  for (int i = 0; i < 400; ++i) hits.push_back(i % 3 == 0);
  for (const double width : {0.9, 0.5, 0.3, 0.11}) {
    const auto settled = settled_after(hits, width);
    ASSERT_TRUE(settled) << width;
    Index count = 0;
    for (Index n = 1; n <= *settled; ++n) {
      count += hits[static_cast<std::size_t>(n - 1)];
      const Interval interval = clopper_pearson_95(count, n);
      EXPECT_EQ(interval.high - interval.low <= width, n == *settled) << width << ' ' << n;
    }
  }
  EXPECT_FALSE(settled_after(hits, 0.01));
  EXPECT_FALSE(settled_after({}, 0.9));
  EXPECT_EQ(settled_after({true}, 0.98), 1);
  // What comes later does not matter.
  EXPECT_EQ(settled_after(std::vector<bool>(hits.begin(), hits.begin() + 200), 0.3),
            settled_after(hits, 0.3));
}

TEST(VolumeTables, ReadBackToTheSameBytes) {
  VolumeRow row;
  row.format = "fp16/pairwise";
  row.order = "pairwise";
  row.init = 3;
  row.seed = ~std::uint64_t{0};
  row.batches = 235;
  row.first_hit = 0;
  row.over = {1, 2, 3, 4};
  row.stat_inf = 1.0 / 3;
  row.stat_l1 = std::numeric_limits<double>::infinity();
  row.zones = {5, 6, 7, 8};
  row.causes = {1, 2, 3, 4, 5};
  VolumeRow without_hit = row;
  without_hit.first_hit.reset();
  const std::string rows = volume_csv({row, without_hit});
  EXPECT_EQ(volume_csv(read_volume_csv(rows, "volume.csv")), rows);

  VolumePoint certified{3, true, 1e-9, true, {}};
  certified.point.zone = Zone::bifurcation;
  certified.point.choices = "native,minimal";
  certified.point.delta_real_lower = 0.25;
  certified.point.stages.filter = 12;
  VolumePoint seen = certified;
  seen.certified = false;
  const std::string points = volume_points_csv({certified, seen});
  EXPECT_EQ(volume_points_csv(read_volume_points_csv(points, "points.csv")), points);
  EXPECT_EQ(points.find("bifurcation", points.find("bifurcation") + 1), std::string::npos)
      << "a zone without certificate";

  const std::string times = volume_times_csv({{"fp32/chain", 0, 0.25, 940}});
  EXPECT_EQ(volume_times_csv(read_volume_times_csv(times, "times.csv")), times);
}

TEST(VolumeStudy, CountsWhatTheAuditorSaysOfEachMiniBatch) {
  VolumeStudy study = small_study();
  study.inits = 2;
  study.certify = CertificateRule::parse("all");
  const support::ScratchFolder folder;
  const LoadedVolume volume(study);
  EXPECT_EQ(volume.batches(), 5);
  const VolumeResults results = volume.run(folder.path(), 2, {});
  ASSERT_EQ(results.rows.size(), 4u);
  const Graph graph = make_net("lenet5", BatchNorm::Mode::training);
  ReferenceOptions verdict;
  verdict.work = Work::verdict;
  for (const VolumeRow& row : results.rows) {
    SCOPED_TRACE(row.format + " " + std::to_string(row.init));
    EXPECT_EQ(row.seed, 7u + static_cast<std::uint64_t>(row.init));
    const Auditor auditor(graph, initialise(graph, study.initialisation, row.seed),
                          {parse_format(row.format), study.form, study.choices, verdict, Backend::cpu});
    Index any = 0;
    std::array<Index, 4> zones{};
    double stat_inf = 0;
    for (Index first = 0; first < 90; first += 20) {
      std::vector<Index> images(static_cast<std::size_t>(std::min<Index>(20, 90 - first)));
      std::iota(images.begin(), images.end(), first);
      const PointRecord point = auditor.audit(volume.data().batch(images)).point;
      any += point.float_sees;
      ++zones[static_cast<std::size_t>(point.zone)];
      stat_inf = std::max(stat_inf, point.stat_inf);
    }
    EXPECT_EQ(row.batches, 5);
    EXPECT_EQ(row.any, any);
    EXPECT_EQ(row.hits, any);
    EXPECT_EQ(row.zones, zones);
    EXPECT_EQ(row.certified, 5);
    EXPECT_EQ(row.stat_inf, stat_inf);
  }
}

TEST(VolumeStudy, ThreadsChangeNoByte) {
  const support::ScratchFolder folder;
  const LoadedVolume volume(small_study());
  volume.run(folder.path() / "1", 1, {});
  const auto expected = results_in(folder.path() / "1");
  for (const int threads : {2, 3}) {
    const fs::path out = folder.path() / std::to_string(threads);
    volume.run(out, threads, {});
    EXPECT_EQ(results_in(out), expected) << threads;
  }
}

TEST(VolumeStudy, StoppedAnywhereItEndsWithTheSameBytes) {
  const support::ScratchFolder folder;
  const LoadedVolume volume(small_study());
  volume.run(folder.path() / "whole", 2, {});
  const fs::path parts = folder.path() / "parts";
  int interrupted = 0;
  for (bool done = false; !done && interrupted < 50; ++interrupted) {
    std::stop_source stop;
    std::atomic<int> reports = 0;
    const auto progress = [&](const VolumeProgress&) {
      if (++reports == 2 + interrupted) stop.request_stop();  // later each time: slow machines get on, too
    };
    try {
      volume.run(parts, 2, {progress, stop.get_token()});
      done = true;
    } catch (const InterruptedError& error) {
      EXPECT_NE(std::string(error.what()).find("the same command continues"), std::string::npos);
    }
  }
  EXPECT_GT(interrupted, 2);
  EXPECT_EQ(results_in(parts), results_in(folder.path() / "whole"));
}

TEST(VolumeStudy, MoreInitialisationsContinueFewerAreRefused) {
  const support::ScratchFolder folder;
  VolumeStudy study = small_study();
  const LoadedVolume more(study);
  study.inits = 2;
  const LoadedVolume few(study);
  few.run(folder.path() / "grown", 2, {});
  more.run(folder.path() / "grown", 2, {});
  more.run(folder.path() / "whole", 2, {});
  for (const char* file : {"volume.csv", "points.csv", "summary.json"})
    EXPECT_EQ(text_of(folder.path() / "grown" / file), text_of(folder.path() / "whole" / file)) << file;
  EXPECT_THROW(few.run(folder.path() / "grown", 2, {}), UsageError);
  study.batch = 30;
  EXPECT_THROW(LoadedVolume(study).run(folder.path() / "grown", 2, {}), UsageError);
}

TEST(VolumeStudy, EndsAPassWithItsFirstHit) {
  const support::ScratchFolder folder;
  VolumeStudy study = small_study();
  study.hit = HitRule::parse("first-layer");
  const VolumeResults whole = LoadedVolume(study).run(folder.path() / "whole", 2, {});
  study.until_hit = true;
  const VolumeResults until = LoadedVolume(study).run(folder.path() / "until", 2, {});
  ASSERT_EQ(until.rows.size(), whole.rows.size());
  Index with_hit = 0;
  for (std::size_t i = 0; i < until.rows.size(); ++i) {
    EXPECT_EQ(until.rows[i].first_hit, whole.rows[i].first_hit);
    EXPECT_EQ(until.rows[i].hits, whole.rows[i].hits > 0);
    EXPECT_EQ(until.rows[i].batches, whole.rows[i].first_hit ? *whole.rows[i].first_hit + 1 : 5);
    with_hit += until.rows[i].hits;
  }
  EXPECT_GT(with_hit, 0);
}

TEST(VolumeStudy, EndsWhereTheIntervalIsNarrowEnoughWhateverTheThreads) {
  const support::ScratchFolder folder;
  VolumeStudy study = small_study();
  study.net = "mlp:2x8";
  study.choices = parse_choices("native,native+relu=1");
  study.certify = {CertificateRule::Kind::none, 0};
  study.inits = 60;
  const VolumeResults all = LoadedVolume(study).run(folder.path() / "all", 2, {});
  study.ci_width = 0.4;
  for (const int threads : {1, 3}) {
    const fs::path out = folder.path() / std::to_string(threads);
    const VolumeResults some = LoadedVolume(study).run(out, threads, {});
    EXPECT_EQ(results_in(out), results_in(folder.path() / "1"));
    for (const FormatVolume& volume : by_format(some)) {
      std::vector<bool> hits;
      for (const VolumeRow& row : all.rows)
        if (row.format == volume.format) hits.push_back(row.hits > 0);
      EXPECT_EQ(volume.inits, settled_after(hits, 0.4)) << volume.format;
      EXPECT_LT(volume.inits, 60);
    }
  }
}

TEST(VolumeStudy, CertifiesASampleAndSaysWhichShare) {
  const support::ScratchFolder folder;
  const VolumeResults results = LoadedVolume(small_study()).run(folder.path(), 2, {});
  for (const VolumeRow& row : results.rows) EXPECT_EQ(row.certified, 1);
  for (const FormatVolume& volume : by_format(results)) {
    EXPECT_EQ(volume.certified.count, 4);
    EXPECT_EQ(volume.certified.share, 4.0 / 20);
    EXPECT_EQ(volume.census.points, 4);
    EXPECT_LE(volume.hits_certified.count, 4);
  }
}

TEST(VolumeStudy, DamagedTablesAreNamed) {
  const support::ScratchFolder folder;
  const LoadedVolume volume(small_study());
  volume.run(folder.path(), 2, {});
  const fs::path points = folder.path() / "points.csv";
  const std::string good = text_of(points);
  write_file_atomically(points, good.substr(0, good.find('\n') + 1));
  try {
    volume.run(folder.path(), 2, {});
    ADD_FAILURE();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("points.csv"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace gradzone
