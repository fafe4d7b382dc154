// CompareStudy: gradients that another framework saved, each judged at its point against the certified one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/base/progress.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/io/gradient_dump.hpp"
#include "gradzone/study/loaded_model.hpp"
#include "gradzone/zones/foreign_gradient.hpp"

namespace gradzone {

/// What is judged. Texts are as on the command line.
struct CompareStudy {
  std::string model;  ///< as AuditStudy's
  std::string data;   ///< as load_dataset() takes it; may be empty if every file carries its inputs
  OnBadImage on_bad_image = OnBadImage::fail;
  std::string split = "test";
  std::vector<std::string> grads;    ///< files, and folders with files
  std::vector<std::string> samples;  ///< images of the files that do not say themselves, in their order
  bool allow_missing = false;
  std::optional<FormatId> format;  ///< of the float program; if left out what the gradients are stored in
  Order order = Order::chain;
  Form form = Form::direct;
  std::vector<Choice> choices{Choice{}, Choice{.maxpool_beta = 1}};
  BatchNorm::Mode batch_norm = BatchNorm::Mode::evaluation;
  std::uint64_t seed = 0;

  /// The command line that asks for this study (without output folder and threads, which change no result).
  std::string command() const;
};

struct ComparedPoint {
  std::string file, sha256;
  std::vector<Index> samples;        ///< images of the data set; empty if the file carries its inputs
  std::vector<std::string> missing;  ///< parameters without a gradient
  JudgedGradient judged;
};

struct CompareResults {
  std::string configuration;  ///< JSON: an object
  std::vector<Choice> choices;
  std::vector<ComparedPoint> points;  ///< in the order of the files
};

/// A study with its inputs loaded and checked.
class LoadedCompare {
 public:
  /// Reads model, data and every file. Throws UsageError (points that nobody names, images that are not
  /// there) or InputError before anything is written.
  explicit LoadedCompare(CompareStudy study);

  /// Judges the files on `threads` threads (0: all) and writes compare.csv, points.csv and summary.json to
  /// `folder`. What is written depends on the study alone. Throws InterruptedError, with nothing written, if
  /// `watch.stop` is triggered.
  CompareResults run(const std::filesystem::path& folder, int threads, const Watch& watch) const;

  const std::optional<Dataset>& data() const { return data_; }
  /// The JSON that identifies the study: options, checksums of model and data, versions.
  std::string configuration() const;

 private:
  /// A file and its point.
  struct Unit {
    std::filesystem::path file;
    std::string sha256;
    FormatId format = FormatId::fp32;
    std::vector<Index> samples;  ///< empty if the file carries its inputs
    Index images = 1;
  };
  struct ReadFile {
    GradientDump dump;
    std::string sha256;
  };
  ReadFile read(const std::filesystem::path& file) const;
  Unit unit_of(const std::filesystem::path& file) const;
  void name_points();
  void check_points() const;
  ComparedPoint judge(const GradientJudge& judge, const Unit& unit) const;
  /// Bytes that the judgement of a point takes, roughly.
  std::int64_t bytes_of(const Unit& unit) const;

  CompareStudy study_;
  LoadedModel model_;
  std::optional<Dataset> data_;
  std::vector<Unit> units_;
};

}  // namespace gradzone
