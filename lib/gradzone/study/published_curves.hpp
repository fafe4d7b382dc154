// Published training curves as a table, and whether ours agree with them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/study/training_curves.hpp"

namespace gradzone {

struct PublishedEpoch {
  int epoch = 0;         ///< from 1
  Spread test_accuracy;  ///< over the published runs; a share of 1
  int runs = 0;
};

/// Of one configuration.
struct PublishedCurve {
  std::string network, optimiser;  ///< gradzone's names: "lenet5-bn", "sgd"
  int bits = 0;                    ///< 16, 24 (mixed precision), 32, 64
  double beta = 0;
  std::vector<PublishedEpoch> epochs;  ///< ascending; at least one
};

/// Columns network, optimiser, bits, beta, epoch, test_accuracy_mean, test_accuracy_sd, test_accuracy_min,
/// test_accuracy_max, runs; others are passed over. Throws InputError with file and line for anything that is
/// not such a table: accuracies outside [0, 1] (percent, say), a mean outside its range, an epoch twice, no
/// row.
std::vector<PublishedCurve> read_published_csv(std::string_view text, const std::string& where);

/// The bits under which a format is published: fp16 16, amp16 24, fp32 32, fp64 64; nothing for others.
std::optional<int> published_bits(TrainingFormat format);

/// The range of an epoch, widened by two published standard deviations.
struct Band {
  double low = 0, high = 0;
  /// Published figures have six digits: half a unit of the sixth is forgiven.
  bool contains(double accuracy) const;
};
Band band_of(const PublishedEpoch& epoch);

enum class PublishedVerdict {
  inside,                  ///< at least 90 % of the compared epochs are inside the band
  outside,                 ///< fewer are
  collapsed_as_published,  ///< both collapsed, whatever the band says
  differs,                 ///< one of both collapsed
  not_published,
};
std::string_view name(PublishedVerdict verdict);  ///< "collapsed as published"

/// One of our configurations beside the published one. Our figure of an epoch is the mean over our runs.
struct PublishedComparison {
  TrainUnit unit;
  const PublishedCurve* published = nullptr;  ///< null where there is none
  int compared = 0;                           ///< epochs that both have
  int inside = 0;                             ///< of these, inside the band
  int last_epoch = 0;                         ///< the last of these
  double last_ours = 0, last_published = 0;   ///< mean test accuracies there
  PublishedVerdict verdict = PublishedVerdict::not_published;
};

/// One entry a curve, in their order. Forms are not told apart: the published hybrids are the composed ones,
/// and a direct one beside them shows what the form does. A curve is collapsed if at the last compared epoch
/// it has less than half of the best accuracy published for network and optimiser. The result refers to
/// `published`.
std::vector<PublishedComparison> compare_with_published(std::string_view network, std::string_view optimiser,
                                                        const std::vector<TrainingCurve>& curves,
                                                        const std::vector<PublishedCurve>& published);

/// Columns format, form, beta, epochs, epochs_inside, share_inside, last_epoch, test_accuracy_published,
/// test_accuracy, verdict. Cells of what is not published are empty.
std::string comparison_csv(const std::vector<PublishedComparison>& comparisons);

/// A training's summary.json with the same as its "published".
std::string with_comparisons(const std::string& summary, const std::vector<PublishedComparison>& comparisons);

}  // namespace gradzone
