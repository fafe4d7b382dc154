// The measurements behind `gradzone bench`: wall-clock seconds of repeated units of work, never a test.
#pragma once

#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/base/progress.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/exact/reference_options.hpp"
#include "gradzone/exact/stage_counts.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/train/trainer.hpp"

namespace gradzone {

struct BenchOptions {
  std::string net = "lenet5";
  Index batch = 1;
  int repeats = 10;  ///< timed units, after one that is not timed; 0: as many as fit a second, 10 at least
  int threads = 1;   ///< 0: all
  std::uint64_t seed = 0;  ///< of weights and images
  Initialisation initialisation = Initialisation::torch;
  std::string data;  ///< empty: images uniform in [-1, 1]; else a data set of which repeat k takes batch k
};

/// Seconds of every repeat, sorted.
struct BenchTimes {
  std::vector<double> seconds;
  double median() const;
};

/// One step of a training: forward, loss, backward, optimiser (train/trainer.hpp). The mini-batch stays the
/// same; batch norms use its statistics.
BenchTimes bench_step(const BenchOptions& options, const Recipe& recipe, const Watch& watch = {});

struct ReferenceBench {
  BenchTimes times;
  StageCounts stages;          ///< of all repeats together
  int bits_used = 0;           ///< highest precision of any of them
  int undecided = 0;           ///< repeats without a verdict
  double prepare_seconds = 0;  ///< what the engine does once per checkpoint
  double correct_bits = 0;  ///< of the certified gradients: the fewest of any tensor, relative to its largest
                            ///< entry; 0 without gradients
  std::string fingerprint;  ///< SHA-256 of the first point's verdict, branches and gradients: of what must
                            ///< not depend on threads, instruction sets or devices
};

/// One real evaluation: branches, agreement of the choices, and certified gradients if they are asked for.
ReferenceBench bench_reference(const BenchOptions& options, const ReferenceOptions& reference,
                               const std::vector<Choice>& choices, const Watch& watch = {});

/// {"bench": name, "net": ..., "median_s": seconds, "minimum_s", "maximum_s", "samples_per_s", ...,
/// "peak_memory_mib": of the process}
std::string bench_json(const std::string& bench, const BenchOptions& options, const std::string& detail,
                       const BenchTimes& times);
std::string bench_json(const BenchOptions& options, const std::string& detail, const ReferenceBench& result);

}  // namespace gradzone
