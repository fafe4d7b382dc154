// VolumeStudy: how often gradients lie in which zone, over random initialisations and mini-batches (the
// volume experiments of boustany2024 and bertoin2021). It continues where it stopped, and what it finds
// depends on the study alone, not on threads or interruptions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/study/volume_options.hpp"
#include "gradzone/study/volume_pass.hpp"
#include "gradzone/study/volume_tables.hpp"
#include "gradzone/study/workers.hpp"

namespace gradzone {

/// A volume's folder has its configuration there.
inline constexpr const char* volume_file = "volume.json";

/// What is looked at. Texts are as on the command line; together they are the study's identity, but for
/// `inits`, which may grow.
struct VolumeStudy {
  std::string net = "lenet5";
  std::string data;  ///< as load_dataset() takes it
  OnBadImage on_bad_image = OnBadImage::fail;
  std::string split = "train";
  std::vector<Format> formats{{FormatId::fp32, Order::chain}};
  Form form = Form::direct;
  std::vector<Choice> choices{Choice{}, Choice{.maxpool_beta = 1}};
  Initialisation initialisation = Initialisation::torch;
  Index inits = 10;   ///< at most, of each format
  Index batch = 128;  ///< images in a mini-batch; the last one of the data set has what is left
  Index batches = 0;  ///< of a pass: the first ones; 0 for all
  BatchNorm::Mode batch_norm = BatchNorm::Mode::training;
  HitRule hit;
  bool until_hit = false;  ///< a pass ends with its first hit
  double ci_width = 0;     ///< if positive, a format ends where the share of initialisations with a hit is
                           ///< known so well (settled_after)
  CertificateRule certify;
  std::uint64_t seed = 0;
  // What changes no result is part of no configuration.
  Backend backend = Backend::cpu;
  std::shared_ptr<DeviceProducts> products;  ///< of certificates (ReferenceOptions::device)

  /// The command line that asks for this study (without output folder and threads, which change no result).
  std::string command() const;
};

/// What a volume study that is under way tells of itself.
struct VolumeProgress {
  std::string format;
  Index init = 0, inits = 0;            ///< initialisations of it finished, of how many at most
  std::int64_t batches = 0, total = 0;  ///< mini-batches looked at, of how many at most, in all formats
};

struct VolumeWatch {
  std::function<void(const VolumeProgress&)>
      progress;  ///< after every mini-batch, from any thread; may be empty
  std::stop_token stop;
};

/// Everything a study found.
struct VolumeResults {
  std::string configuration;  ///< JSON: an object
  std::string command;        ///< the last one
  Index inits = 0;            ///< asked for
  HitRule hit;
  std::vector<VolumeRow> rows;      ///< by format, then by initialisation
  std::vector<VolumePoint> points;  ///< by format, initialisation and mini-batch
};

/// A study with its data loaded and checked.
class LoadedVolume {
 public:
  /// Throws UsageError or InputError before anything is written.
  explicit LoadedVolume(VolumeStudy study);

  /// Makes every pass of the share that `folder` does not hold yet and writes the tables there, and
  /// summary.json unless it is but a share. Passes are written when they are finished (of quick ones, several
  /// together); throws InterruptedError if a stop is requested, UsageError if the folder holds another study.
  VolumeResults run(const std::filesystem::path& folder, const Workers& workers,
                    const VolumeWatch& watch) const;
  /// What ranks above 0 do meanwhile; theirs is no folder.
  void assist(const Workers& workers, std::stop_token stop) const;

  const VolumeStudy& study() const { return study_; }
  const Dataset& data() const { return data_; }
  /// Mini-batches of a pass.
  Index batches() const { return batches_; }
  /// The JSON that identifies the study: options, checksum of the data, versions.
  std::string configuration() const;

 private:
  class Passes;
  class Keeper;
  VolumePassOptions pass_options() const;
  bool side_by_side(int width) const;

  VolumeStudy study_;
  Graph graph_;
  Dataset data_;
  Index batches_ = 0;
};

/// Whether a folder holds a volume study (volume.json).
bool is_volume(const std::filesystem::path& folder);

}  // namespace gradzone
