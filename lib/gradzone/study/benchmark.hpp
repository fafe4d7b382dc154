// The measurements behind `gradzone bench`: wall-clock seconds of repeated units of work, never a test.
#pragma once

#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/base/progress.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/float_evaluator.hpp"

namespace gradzone {

struct BenchOptions {
  std::string net = "lenet5";
  Index batch = 1;
  int repeats = 10;        ///< timed units, after one that is not timed
  int threads = 1;         ///< 0: all
  std::uint64_t seed = 0;  ///< of weights (initialisation `torch`) and images (uniform in [-1, 1])
};

/// Seconds of every repeat, sorted.
struct BenchTimes {
  std::vector<double> seconds;
  double median() const;
};

/// One loss and gradient of the float program.
BenchTimes bench_step(const BenchOptions& options, Format format, const Choice& choice, Form form,
                      Backend backend, const Watch& watch = {});

/// One certified gradient by the plain reference engine, branches included, starting at `bits` bits.
BenchTimes bench_reference(const BenchOptions& options, int bits, const Watch& watch = {});

/// {"bench": name, "net": ..., "median": seconds, "minimum", "maximum", "samples_per_second", ...}
std::string bench_json(const std::string& bench, const BenchOptions& options, const std::string& detail,
                       const BenchTimes& times);

}  // namespace gradzone
