// AuditStudy: one audit from checkpoint and data set to a finished result store. It continues where it
// stopped, and what it finds depends on the study alone, not on threads or interruptions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gradzone/base/progress.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/exact/reference_evaluator.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/io/results.hpp"
#include "gradzone/study/loaded_model.hpp"
#include "gradzone/study/workers.hpp"
#include "gradzone/zones/auditor.hpp"

namespace gradzone {

/// What is audited. Texts are as on the command line; together they are the study's identity.
struct AuditStudy {
  std::string model;  ///< "lenet5:FILE", or "vgg11:init=kaiming0", drawn from the seed
  std::string data;   ///< as load_dataset() takes it
  OnBadImage on_bad_image = OnBadImage::fail;
  std::string split = "test";
  std::vector<Format> formats{{FormatId::fp32, Order::chain}};
  Form form = Form::direct;
  std::vector<Choice> choices{Choice{}, Choice{.maxpool_beta = 1}};
  Index batch = 1;    ///< images per point
  Index samples = 0;  ///< points: the first ones of the order; 0 for all
  bool shuffle = false;
  std::uint64_t seed = 0;
  BatchNorm::Mode batch_norm = BatchNorm::Mode::evaluation;
  bool per_sample = false;         ///< classify each image of a mini-batch as a point of its own, too
  ReferenceOptions reference;      ///< its seed is the study's
  std::int64_t memory = 0;         ///< bytes that points may take together; 0: a quarter of the machine's
  Backend backend = Backend::cpu;  ///< changes no result, so it is part of no configuration

  /// The command line that asks for this study (without output folder and threads, which change no result).
  std::string command() const;
};

/// A study with its inputs loaded and checked.
class LoadedStudy {
 public:
  /// Reads model and data. Throws UsageError or InputError before anything is written.
  explicit LoadedStudy(AuditStudy study);

  /// Audits every point of the share that the store in `folder` does not hold yet, then writes the CSV and
  /// JSON files unless it is but a share. Throws InterruptedError if `watch.stop` is triggered: finished
  /// points are kept.
  AuditResults run(const std::filesystem::path& folder, const Workers& workers, const Watch& watch) const;
  /// What ranks above 0 do meanwhile; theirs is no folder.
  void assist(const Workers& workers) const;

  const AuditStudy& study() const { return study_; }
  const Graph& graph() const { return model_.graph; }
  const Dataset& data() const { return data_; }
  Index points() const { return points_; }
  /// The JSON that identifies the study in its store: options, checksums of model and data, versions.
  std::string configuration() const;

 private:
  class Points;
  std::vector<Index> images_of(Index point) const;
  /// Of one format: for the points, and for the samples in them if they are asked for.
  struct Auditors {
    std::unique_ptr<Auditor> points, samples;
  };
  PointResult audit(const Auditors& auditors, Index point) const;
  SampleRecord audit_sample(const Auditor& auditor, Index sample, Index image) const;

  AuditStudy study_;
  LoadedModel model_;
  Dataset data_;
  std::vector<Index> order_;
  Index points_ = 0;
};

/// {"gradzone": "...", "mpfr": "...", ...}
std::string versions_json();

}  // namespace gradzone
