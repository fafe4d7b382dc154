// What an audit says of one point: the rows of points.csv, branches.csv and gradients.csv. Plain data:
// produced by zones/, kept by io/, shown by report/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/exact/stage_counts.hpp"

namespace gradzone {

/// zones.md, section 2.
enum class Zone { regular, bifurcation, compensation, undecided };
inline constexpr Zone all_zones[] = {Zone::regular, Zone::bifurcation, Zone::compensation, Zone::undecided};
const char* name(Zone zone);
/// Throws UsageError for an unknown name.
Zone parse_zone(const std::string& text);

/// One row of points.csv: a point in one format.
struct PointRecord {
  Index point = 0;      ///< position in the audited order
  Index first = 0;      ///< index of the mini-batch's first image in the data set's file order
  Index batch = 1;      ///< images in the mini-batch
  std::string format;   ///< full name, "fp32/chain"
  std::string form;     ///< direct | composed
  std::string choices;  ///< "native,minimal"
  Zone zone = Zone::undecided;
  std::string
      cause;  ///< compensation: rounding | false tie | lost tie | cancellation | non-finite; else empty
  std::string cause_layer;  ///< the first layer, in forward order, with that cause; else empty
  std::string
      proof;  ///< how Delta_R was decided: branches | structure | residue | exact | enclosure, with the bound
              ///< of the chance of an error where there is one, "residue(2^-118)"; empty if undecided
  std::string witness;  ///< bifurcation: "features.0.weight[12]" with an enclosure excluding 0; else empty
  double delta_real_lower = 0, delta_real_upper = 0;  ///< proven bounds of Delta_R
  double delta_float_inf =
      0;  ///< Delta_F: largest |difference| of any entry over all pairs; inf if non-finite
  double delta_float_l1 = 0;  ///< largest sum of |differences| over all entries
  double stat_inf =
      0;  ///< boustany2024: sum over tensors of the inf-norm of the difference, largest over pairs
  double stat_l1 = 0;       ///< boustany2024: sum over tensors of the 1-norm
  int bits_used = 0;        ///< highest precision the reference needed
  StageCounts stages;       ///< which stage of the reference settled how many branches
  bool float_sees = false;  ///< the float gradients differ (Delta_F != 0)
  std::string label;        ///< the label or labels of the mini-batch's first images: "7" for a sample
  int predicted = -1;       ///< argmax of the first image's float logits
};

/// PointRecord::predicted, from logits [N, classes].
template <class Real>
int argmax_of_first(const Tensor<Real>& logits) {
  const Index classes = logits.size() / logits.dim(0);
  return static_cast<int>(std::max_element(logits.data.begin(), logits.data.begin() + classes) -
                          logits.data.begin());
}
/// PointRecord::label: the labels of the first eight images, "7 2 1".
std::string first_labels(const std::vector<int>& labels);

/// One row of branches.csv: a point and a layer with a kink.
struct BranchRecord {
  Index point = 0;
  std::string format;
  std::string layer, op;
  Index windows = 0;  ///< pooling windows, or pre-activations of an activation layer
  Index real_ties_positive = 0, real_ties_zero = 0, real_ties_negative = 0;
  Index float_ties_positive = 0, float_ties_zero = 0, float_ties_negative = 0;
  Index false_ties = 0;  ///< windows whose float argmax set has an entry the real one lacks, and is a tie
  Index lost_ties = 0;   ///< windows whose real argmax set is a tie and has an entry the float one lacks
  Index real_zeros = 0, float_zeros = 0;  ///< pre-activations equal to a kink / zero windows of a norm pool
  Index unknown = 0;                      ///< real branches that were not decided
};

/// One row of gradients.csv: a point, a choice and a tensor ("*" is the whole gradient). zones.md, section 5.
/// Figures are over the entries whose error is at least 1000 times the reference's radius (the others are
/// counted as unquoted); NaN, an empty cell, where there are none.
struct GradientRecord {
  Index point = 0;
  std::string format, choice, tensor;
  Index entries = 0, unquoted = 0;  ///< all entries; those whose error is too close to the reference's radius
  double relative_error_max = 0, relative_error_median = 0;
  double ulp_error_max = 0;                          ///< in units in the last place of the storage format
  double bits_median = 0, bits_worst_1_percent = 0;  ///< correct significant bits
  double wrong_sign_share = 0, flushed_share = 0, overflow_share = 0;
  double angle = 0;  ///< radians between the float and the real tensor
};

/// One row of samples.csv: an image of a mini-batch, classified as a point of its own.
struct SampleRecord {
  Index sample = 0;  ///< position in the mini-batch
  Index image = 0;   ///< index in the data set's file order
  int label = -1;
  Zone zone = Zone::undecided;
  std::string cause, cause_layer, proof, witness;     ///< as in PointRecord
  double delta_real_lower = 0, delta_real_upper = 0;  ///< as in PointRecord
  double delta_float_inf = 0;
  bool float_sees = false;
};

/// A rectangle of the input picture in pixels, half-open; empty when the input is not a picture.
struct PixelBox {
  Index x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

/// A pooling window that ties, for the pictures of the report.
struct TieWindow {
  std::string layer;
  Index image = 0;                         ///< within the mini-batch
  Index channel = 0, row = 0, column = 0;  ///< of the output
  enum class Kind { real_and_float, false_tie, lost_tie } kind = Kind::real_and_float;
  bool positive = false;
  std::vector<int>
      members;  ///< positions in the window, row-major, of the float (or, if lost, real) argmax set
  PixelBox
      sees;  ///< the receptive field: every pixel that the window depends on; may stick out into the padding
  PixelBox
      core;  ///< its middle, as large as the layer's cumulative stride: cores of neighbouring windows touch
};

/// The first image of a mini-batch, for people to look at: 8 bits a channel, [channels, height, width].
struct Thumbnail {
  Index channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
};

/// Everything an audit says of one point in one format: the unit of the result store.
struct PointResult {
  PointRecord point;
  std::vector<BranchRecord> branches;
  std::vector<GradientRecord> gradients;
  std::vector<SampleRecord> samples;  ///< of a mini-batch, if they are asked for
  std::vector<TieWindow> ties;        ///< at most a few hundred
  Thumbnail image;                    ///< empty unless the input is an image
  double seconds = 0;                 ///< kept apart: goes to timing.json alone
};

}  // namespace gradzone
