// Learning rate schedules, epoch by epoch.
#pragma once

#include <string>
#include <string_view>

namespace gradzone {

/// The learning rate of every epoch as a share of a base rate, in binary64 and the same on every machine (the
/// cosine is correctly rounded). With e the epoch from 0, E the epochs of the run, W those of the warm-up:
///   constant           1
///   cosine             (1 + cos(pi e / E)) / 2: annealing to 0 over all epochs, PyTorch's CosineAnnealingLR
///                      in closed form
///   step:EVERY:FACTOR  FACTOR ^ floor(e / EVERY): PyTorch's StepLR
/// ",warmup:W" behind it: the first W epochs have (e + 1) / W times that; later ones are as without.
class Schedule {
 public:
  /// Reads "constant", "cosine", "step:30:0.1", "cosine,warmup:5". Throws UsageError saying what is wrong and
  /// what there is.
  static Schedule parse(std::string_view text);
  /// What parse reads, in its canonical form.
  std::string text() const;

  /// The rate of `epoch` (0 <= epoch < epochs) for a base rate: base times the share, one rounded product
  /// after another, warm-up last.
  double rate(double base, int epoch, int epochs) const;

 private:
  enum class Kind { constant, cosine, step };
  Kind kind_ = Kind::constant;
  int every_ = 1;
  double factor_ = 1;
  int warmup_ = 0;
};

}  // namespace gradzone
