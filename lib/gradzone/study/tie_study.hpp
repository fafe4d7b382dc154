// TieStudy: every pooling window that ties at a few images, for tables and for pictures (E7 of boustany2024:
// "windows with more than one maximum", with float and real ties told apart).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gradzone/base/progress.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/study/loaded_model.hpp"
#include "gradzone/zones/record.hpp"
#include "gradzone/zones/tie_list.hpp"

namespace gradzone {

/// The most images of one study: its page shows them all.
inline constexpr std::size_t most_tie_samples = 100;

/// What is looked at. Texts are as on the command line.
struct TieStudy {
  std::string model;  ///< as AuditStudy's
  std::string data;   ///< as load_dataset() takes it
  OnBadImage on_bad_image = OnBadImage::fail;
  std::string split = "test";
  std::vector<Index> samples{0};  ///< indices of images in the split; each is a point of its own
  std::vector<Format> formats{{FormatId::fp32, Order::chain}};
  Form form = Form::direct;
  std::vector<Choice> choices{Choice{}, Choice{.maxpool_beta = 1}};
  std::string layer;  ///< the only one to list; empty for all
  std::uint64_t seed = 0;

  /// The command line that asks for this study (without output folder and threads, which change no result).
  std::string command() const;
};

/// One image in one format.
struct TiePoint {
  Index sample = 0;
  int label = 0;
  PointRecord point;  ///< the verdict on it
  std::vector<LayerTies> layers;
};

struct TieResults {
  std::string configuration;      ///< JSON: an object
  std::vector<TiePoint> points;   ///< by sample, then by format, in the order asked for
  std::vector<Thumbnail> images;  ///< of each sample
};

/// A study with its inputs loaded and checked.
class LoadedTies {
 public:
  /// Throws UsageError (samples that are not there, a network without pooling windows, a layer that is none
  /// of its pooling layers) or InputError before anything is written.
  explicit LoadedTies(TieStudy study);

  /// Audits the points on `threads` threads (0: all) and writes ties.csv, layers.csv and ties.json to
  /// `folder`. What is written depends on the study alone. Throws InterruptedError, with nothing written, if
  /// `watch.stop` is triggered.
  TieResults run(const std::filesystem::path& folder, int threads, const Watch& watch) const;

  const Dataset& data() const { return data_; }
  /// The JSON that identifies the study: options, checksums of model and data, versions.
  std::string configuration() const;

 private:
  TieStudy study_;
  LoadedModel model_;
  Dataset data_;
};

}  // namespace gradzone
